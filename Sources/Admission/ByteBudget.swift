import Synchronization

/// Bounds the memory that all clients of a service, and each of them, hold at a time.
public final class ByteBudget: Sendable {
  private struct State {
    var total = 0
    var counts: [Principal: Int] = [:]
  }
  private let state = Mutex(State())
  private let total: Int
  private let perPrincipal: Int
  private let reserved: Int
  private let owners: Set<UInt32>

  /// - Parameters:
  ///   - perPrincipal: bytes of one client.
  ///   - reserved: bytes of the total that only owners may use.
  ///   - owners: root and the user of the daemon.
  public init(total: Int, perPrincipal: Int, reserved: Int = 0, owners: Set<UInt32> = []) {
    self.total = total
    self.perPrincipal = perPrincipal
    self.reserved = reserved
    self.owners = owners
  }

  /// Bytes in use.
  public var used: Int { state.withLock { $0.total } }

  /// Bytes that one holder took; they are given back when it is freed.
  public final class Share: Sendable {
    private let budget: ByteBudget
    private let principal: Principal
    private let taken = Mutex(0)

    fileprivate init(_ budget: ByteBudget, _ principal: Principal) {
      self.budget = budget
      self.principal = principal
    }

    deinit { budget.change(principal, by: -taken.withLock { $0 }) }

    /// Takes more bytes; returns false, and takes none, when a limit would be exceeded.
    public func take(_ count: Int) -> Bool {
      taken.withLock { taken in
        guard budget.take(count, principal) else { return false }
        taken += count
        return true
      }
    }
  }

  public func share(of principal: Principal) -> Share { Share(self, principal) }

  private func take(_ count: Int, _ principal: Principal) -> Bool {
    let isOwner = principal.user.map { owners.contains($0) } ?? false
    let limit = isOwner ? total : total - reserved
    return state.withLock { state in
      let own = state.counts[principal, default: 0]
      guard count <= limit - state.total, count <= perPrincipal - own else { return false }
      Self.change(&state, principal, by: count)
      return true
    }
  }

  private func change(_ principal: Principal, by count: Int) {
    state.withLock { Self.change(&$0, principal, by: count) }
  }

  private static func change(_ state: inout State, _ principal: Principal, by count: Int) {
    state.total += count
    let own = state.counts[principal, default: 0] + count
    state.counts[principal] = own == 0 ? nil : own
  }
}
