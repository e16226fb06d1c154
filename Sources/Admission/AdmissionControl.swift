import Synchronization

/// Counts the connections of one listener, and refuses those beyond its limits.
public final class AdmissionControl: Sendable {
  public struct Limits: Sendable, Equatable {
    /// Connections at a time.
    public var total: Int
    /// Connections of one principal. Owners may use all.
    public var perPrincipal: Int
    /// Connections that only owners may use, so that others together cannot lock them out.
    public var reserved: Int

    /// Limits for a number of connections: one principal gets three quarters, and an eighth is the owners'.
    public init(total: Int) {
      self.total = total
      perPrincipal = max(1, total - total / 4)
      reserved = total / 8
    }

    public init(total: Int, perPrincipal: Int, reserved: Int) {
      self.total = total
      self.perPrincipal = perPrincipal
      self.reserved = reserved
    }
  }

  /// Keeps a connection counted until it is released or freed.
  public final class Ticket: Sendable {
    private let control: AdmissionControl
    private let principal: Principal
    private let isReleased = Atomic(false)

    fileprivate init(_ control: AdmissionControl, _ principal: Principal) {
      self.control = control
      self.principal = principal
    }

    deinit { release() }

    public func release() {
      guard !isReleased.exchange(true, ordering: .relaxed) else { return }
      control.release(principal)
    }
  }

  private struct State {
    var total = 0
    var counts: [Principal: Int] = [:]
  }
  private let state = Mutex(State())
  private let owners: Set<UInt32>
  private let remedy: String
  private let budget: ConnectionBudget?
  public let limits: Limits

  /// - Parameters:
  ///   - owners: users without a limit of their own: root and the user of the daemon.
  ///   - remedy: ends the message of a refusal, such as "close one".
  ///   - budget: of the process's descriptors; nil for what needs none.
  public init(_ limits: Limits, owners: Set<UInt32>, remedy: String, budget: ConnectionBudget? = nil) {
    self.budget = budget
    self.limits = limits
    self.owners = owners
    self.remedy = remedy
  }

  /// Connections at the moment.
  public var count: Int { state.withLock { $0.total } }

  /// Counts a connection.
  ///
  /// - Throws: when the limits are reached.
  public func admit(_ principal: Principal) throws(AdmissionError) -> Ticket {
    let isOwner = principal.user.map { owners.contains($0) } ?? false
    let problem = state.withLock { state -> String? in
      let own = state.counts[principal, default: 0]
      if state.total >= (isOwner ? limits.total : limits.total - limits.reserved) {
        return "\(limits.total) clients are connected, the most that are served"
      }
      if !isOwner, own >= limits.perPrincipal {
        return "one user or machine may have \(limits.perPrincipal) connections"
      }
      if let budget, !budget.take(isOwner: isOwner) {
        return "the process has no descriptors for more than \(budget.capacity) connections"
      }
      state.total += 1
      state.counts[principal] = own + 1
      return nil
    }
    if let problem { throw AdmissionError("\(problem); \(remedy)") }
    return Ticket(self, principal)
  }

  private func release(_ principal: Principal) {
    budget?.giveBack()
    state.withLock { state in
      state.total -= 1
      let left = state.counts[principal, default: 1] - 1
      // Without an entry of zero: the table is as long as the list of connections.
      state.counts[principal] = left > 0 ? left : nil
    }
  }
}
