import Foundation
import Glibc

/// Prints to the terminal, with styles and columns as far as it has them.
package enum Terminal {
  package static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb" }

  /// https://no-color.org
  package static var hasColor: Bool { isInteractive && (environment["NO_COLOR"] ?? "").isEmpty }

  private static var environment: [String: String] { ProcessInfo.processInfo.environment }

  package enum Style: String {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
  }

  package static func styled(_ text: String, _ style: Style) -> String {
    hasColor ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
  }

  /// Columns of the terminal; 80 when standard output is none.
  package static var width: Int {
    var size = winsize()
    return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  package static func pad(_ text: String, _ width: Int) -> String {
    text.count >= width
      ? String(text.prefix(width)) : text + String(repeating: " ", count: width - text.count)
  }

  package static func number(_ value: Double?, _ decimals: Int) -> String {
    value.flatMap { $0.isFinite ? String(format: "%.\(decimals)f", $0) : nil } ?? "–"
  }

  /// Writes one line to standard error.
  package static func complain(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

  package static func padLeft(_ text: String, _ width: Int) -> String {
    text.count >= width ? text : String(repeating: " ", count: width - text.count) + text
  }

  /// Writes the whole text to standard output; ends the program with status 0 when the reader of the pipe has closed it.
  package static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        exit(errno == EPIPE ? 0 : 1)
      }
      bytes = bytes.dropFirst(count)
    }
  }
}
