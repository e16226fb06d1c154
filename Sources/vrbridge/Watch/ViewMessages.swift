import CommandSupport
import Diagnostics
import Logging
import Synchronization

/// The newest log messages while a table covers the terminal, for its last lines.
final class ViewMessages: Sendable {
  /// Messages in the table at most.
  private static let shown = 5
  /// Messages that are kept for the end of the program.
  private static let kept = 50

  private struct State {
    var lines: [String] = []
    var dropped = 0
  }
  private let state = Mutex(State())

  /// Adds a message; an equal one moves to the end.
  func add(_ line: String) {
    state.withLock { state in
      state.lines.removeAll { $0 == line }
      state.lines.append(line)
      if state.lines.count > Self.kept {
        state.lines.removeFirst()
        state.dropped += 1
      }
    }
  }

  /// The newest messages, oldest first.
  var newest: [String] { state.withLock { Array($0.lines.suffix(Self.shown)) } }

  /// Writes the messages to standard error and forgets them: the table is gone, or does not begin.
  func flush() {
    let (lines, dropped) = state.withLock { state in
      defer { state = State() }
      return (state.lines, state.dropped)
    }
    if dropped > 0 { Terminal.complain("vrbridge: \(dropped) earlier messages are not repeated") }
    for line in lines { Terminal.complain("vrbridge: \(line)") }
  }
}

/// Passes messages from a level on to the table.
struct ViewLogHandler: LogHandler {
  let messages: ViewMessages
  /// The lowest level that the table shows; lower ones are for the dashboard and the session.
  let threshold: Logger.Level
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  init(_ messages: ViewMessages, from threshold: Logger.Level) {
    self.messages = messages
    self.threshold = threshold
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    guard event.level >= threshold else { return }
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    messages.add("\(event.level): \(event.message)\(details)")
  }
}
