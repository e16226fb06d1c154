public import Admission
public import Authorisation
import Synchronization

/// One connection of a listener: its other end, and the time within which it must do its next step.
///
/// A service sets the time; `ConnectionWatch` closes a connection that exceeds it.
public final class AcceptedConnection: Sendable {
  /// The other end, as it was at accept.
  public let principal: Principal

  struct Expectation: Sendable {
    var deadline: ContinuousClock.Instant
    /// What did not happen, for the log.
    var reason: String
    /// Whether output moves the deadline on.
    var isIdle = false
    /// Bytes that are read and ignored before the connection is closed; nil for no bound.
    var unreadAllowance: Int?
  }
  private let state = Mutex<Expectation?>(nil)
  private let identified: Mutex<Rights>

  /// The connection of the running task.
  @TaskLocal static var current: AcceptedConnection?

  public init(_ principal: Principal) {
    self.principal = principal
    identified = Mutex(Rights(principal, scopes: []))
  }

  /// The rights of the other end where it shows no token; none until `ConnectionGate` has looked them up.
  public var rights: Rights { identified.withLock { $0 } }

  func identify(_ rights: Rights) { identified.withLock { $0 = rights } }

  var expectation: Expectation? { state.withLock { $0 } }

  /// Sets the time of the next step, in place of an earlier one.
  ///
  /// - Parameter reason: what was missed when the time is over, such as "no request came".
  public func expect(within time: Duration, orElse reason: String) {
    state.withLock { $0 = Expectation(deadline: .now + time, reason: reason) }
  }

  /// Removes the time limit.
  public func expectNothing() { state.withLock { $0 = nil } }

  /// Lets a client read the reply to a request whose rest is not read: a connection that is closed while bytes arrive is
  /// reset, and the reply is lost.
  func expectRest(of size: Int, within time: Duration) {
    state.withLock {
      $0 = Expectation(
        deadline: .now + time, reason: "the rest of a refused request went on", unreadAllowance: size)
    }
  }

  /// Counts bytes that came in.
  ///
  /// - Returns: false when they exceed what is allowed of a refused request.
  func received(_ count: Int) -> Bool {
    state.withLock { expectation in
      guard let allowance = expectation?.unreadAllowance else { return true }
      expectation?.unreadAllowance = allowance - count
      return allowance >= count
    }
  }

  /// Expects the next request within a time from the last output of the reply to this one.
  func expectRequest(within time: Duration) {
    state.withLock {
      $0 = Expectation(deadline: .now + time, reason: "no further request came", isIdle: true)
    }
  }

  /// Moves the deadline of the next request on, because output was sent.
  func sent(idle: Duration) {
    state.withLock { expectation in
      if expectation?.isIdle == true { expectation?.deadline = .now + idle }
    }
  }
}
