import Foundation
import Logging
import Synchronization

/// The last lines of the log, for who looks at the bridge while it runs.
public final class LogTail: Sendable {
  public struct Line: Sendable, Equatable {
    /// Counts up; a gap means that lines were let go.
    public var number: Int
    /// Milliseconds since 1970.
    public var time: Int64
    public var level: String
    public var text: String
  }

  private struct State {
    var lines: [Line] = []
    var next = 1
  }
  private let state = Mutex(State())
  private static let limit = 300

  func append(_ text: String, level: Logger.Level) {
    state.withLock { state in
      if state.lines.count >= Self.limit { state.lines.removeFirst(Self.limit / 4) }
      state.lines.append(
        Line(
          number: state.next, time: Int64(Date().timeIntervalSince1970 * 1000), level: level.rawValue,
          text: text)
      )
      state.next += 1
    }
  }

  /// Lines with higher numbers.
  public func lines(after number: Int) -> [Line] {
    state.withLock { state in state.lines.filter { $0.number > number } }
  }
}
