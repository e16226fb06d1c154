import Foundation
import Synchronization

/// A line on standard error with the progress of a download: size, rate, remaining time. It is redrawn five times a second at
/// most, and not drawn where standard error is no terminal.
package final class ProgressBar: Sendable {
  private struct State {
    var label = ""
    var begin: ContinuousClock.Instant?
    var first = 0
    var drawn: ContinuousClock.Instant?
    var isShown = false
  }
  private let state = Mutex(State())

  /// - Returns: nil where standard error is no terminal.
  package init?() {
    guard Terminal.isErrorInteractive else { return nil }
  }

  /// Starts a new item.
  ///
  /// - Parameter label: such as `2 of 5 sherpa-onnx`.
  package func begin(_ label: String) {
    state.withLock { $0 = State(label: label, isShown: $0.isShown) }
  }

  /// Shows the progress of the item in bytes.
  package func update(received: Int, total: Int) {
    let now = ContinuousClock.now
    let line = state.withLock { state -> String? in
      if let drawn = state.drawn, now - drawn < .milliseconds(190) { return nil }
      // The program that fetches needs time before its first byte.
      if state.begin == nil, received > 0 { (state.begin, state.first) = (now, received) }
      (state.drawn, state.isShown) = (now, true)
      let elapsed = state.begin.map { (now - $0) / .seconds(1) } ?? 0
      let rate = elapsed > 0.5 ? Double(received - state.first) / elapsed : nil
      return Self.line(
        label: state.label, received: received, total: total, rate: rate, width: Terminal.errorWidth)
    }
    if let line { Terminal.writeError(Terminal.restartLine + line) }
  }

  /// Removes the line, before other text is printed.
  package func clear() {
    let isShown = state.withLock { state -> Bool in
      defer { state.isShown = false }
      return state.isShown
    }
    if isShown { Terminal.writeError(Terminal.restartLine) }
  }

  /// Returns a line that fits the width.
  ///
  /// - Parameters:
  ///   - rate: bytes per second; nil while it is unknown.
  ///   - width: columns of the terminal.
  package static func line(label: String, received: Int, total: Int, rate: Double?, width: Int) -> String {
    let share = total > 0 ? min(1, Double(received) / Double(total)) : 0
    var numbers = String(format: "%5.1f of %.1f MB", Double(received) / 1e6, Double(total) / 1e6)
    if let rate {
      numbers += String(format: "  %.1f MB/s", rate / 1e6)
      // A stalled download has no remaining time.
      if rate > 1000 {
        let seconds = Int((Double(max(0, total - received)) / rate).rounded(.up))
        numbers += String(format: "  %d:%02d left", seconds / 60, seconds % 60)
      }
    }
    // The last column stays free: some terminals wrap when it is written.
    let room = max(10, width - 1)
    let name = Terminal.field(label)
    let bar = room - name.count - numbers.count - 6
    guard bar >= 8 else { return String("\(name)  \(numbers)".prefix(room)) }
    let filled = Int(share * Double(min(bar, 30)))
    let drawn = String(repeating: "#", count: filled) + String(repeating: "-", count: min(bar, 30) - filled)
    return "\(name)  [\(drawn)]  \(numbers)"
  }
}
