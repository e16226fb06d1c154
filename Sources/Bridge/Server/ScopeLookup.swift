import CLinux
import Sensing
import Synchronization

/// The scopes of users by the access rules, kept for a second: the system's tables of users and groups are files or a
/// directory server, and a flood of connections must not read them for each one.
///
/// Used from any thread. A lookup holds no lock.
final class ScopeLookup: Sendable {
  private struct Peer: Hashable {
    var user: UInt32
    var group: UInt32
  }
  private struct State {
    var rules: AccessRules
    var kept: [Peer: (scopes: Set<Scope>, until: Int64)] = [:]
  }
  private let state: Mutex<State>
  private let read: @Sendable (AccessRules, UInt32, UInt32) -> Set<Scope>

  /// Nanoseconds for which scopes are kept.
  static let validity: Int64 = 1_000_000_000
  /// Peers that are kept; a table that is full is emptied.
  static let capacity = 64

  /// - Parameter read: reads the scopes of a user and a group by the rules.
  init(
    _ rules: AccessRules,
    read: @escaping @Sendable (AccessRules, UInt32, UInt32) -> Set<Scope> = {
      $0.scopes(user: $1, group: $2)
    }
  ) {
    state = Mutex(State(rules: rules))
    self.read = read
  }

  /// Peers whose scopes are kept.
  var count: Int { state.withLock { $0.kept.count } }

  func update(_ rules: AccessRules) { state.withLock { $0 = State(rules: rules) } }

  /// Returns the scopes of a peer with these credentials.
  func scopes(user: UInt32, group: UInt32, now: Int64 = linux_monotonic_ns()) -> Set<Scope> {
    let peer = Peer(user: user, group: group)
    let (rules, kept) = state.withLock { ($0.rules, $0.kept[peer]) }
    if let kept, kept.until > now { return kept.scopes }
    let scopes = read(rules, user, group)
    state.withLock { state in
      // Rules that were replaced meanwhile give other scopes.
      guard state.rules == rules else { return }
      if state.kept.count >= Self.capacity { state.kept = [:] }
      state.kept[peer] = (scopes, now + Self.validity)
    }
    return scopes
  }
}
