import Dialogue
import Synchronization

/// What a server accepts, as far as its refusals showed it; for the next requests of a client.
final class LearnedQuirks: Sendable {
  private let state: Mutex<ServerQuirks>

  init(_ quirks: ServerQuirks) { state = Mutex(quirks) }

  var current: ServerQuirks { state.withLock { $0 } }

  /// Keeps what the server accepted.
  func learn(_ quirks: ServerQuirks) { state.withLock { $0 = quirks } }
}
