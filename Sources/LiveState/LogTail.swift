import Foundation
import Synchronization

/// The last lines of the log, for displays. Policy: `dropOldest` beyond 300 lines; gaps show in the lines' numbers.
public final class LogTail: Sendable {
  public struct Line: Sendable, Equatable {
    /// Counts up by one from line to line.
    public var number: Int
    /// Milliseconds since 1970.
    public var time: Int64
    /// Name of a level of swift-log: `warning`.
    public var level: String
    public var text: String
  }

  private struct State {
    var lines: [Line] = []
    var next = 1
  }
  private let state = Mutex(State())
  private static let limit = 300

  public init() {}

  public func append(_ text: String, level: String) {
    let time = Int64(Date().timeIntervalSince1970 * 1000)
    state.withLock { state in
      if state.lines.count >= Self.limit { state.lines.removeFirst(Self.limit / 4) }
      state.lines.append(Line(number: state.next, time: time, level: level, text: text))
      state.next += 1
    }
  }

  /// Returns the lines with higher numbers.
  public func lines(after number: Int) -> [Line] {
    state.withLock { state in state.lines.filter { $0.number > number } }
  }
}
