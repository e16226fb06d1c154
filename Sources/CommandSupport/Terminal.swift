import Diagnostics
import Foundation
import Glibc

/// Prints to the terminal, with styles and columns as far as it has them.
///
/// The only way of a command to standard output and standard error. Control characters within the text are escaped, so
/// that names and labels can't move the cursor; sequences of the program itself are made by `styled` and `sequence`.
package enum Terminal {
  /// Stands for the escape character in sequences of the program until they are written. Eight private characters that
  /// are drawn for each run: a text of others contains single ones at most.
  private static let mark: String = {
    let scalars = (0..<8).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0xF0000...0xFFFFD)) }
    return String(String.UnicodeScalarView(scalars))
  }()
  private static let markBytes = Array(mark.utf8)

  /// Returns a control sequence (ECMA-48): `[K` clears the rest of the line.
  package static func sequence(_ code: String) -> String { mark + code }

  /// Returns to the beginning of the line and clears it.
  package static var restartLine: String { sequence("[G") + sequence("[K") }

  /// Returns the text as it is written: others' control characters escaped, the program's sequences in force.
  package static func rendered(_ text: String) -> String {
    let shown = printable(text, keepsLines: true)
    guard shown.utf8.contains(where: { $0 >= 0xF3 }) else { return shown }
    // By bytes: a character of others before the mark may join with its first one.
    let bytes = Array(shown.utf8)
    var (result, index) = ([UInt8](), 0)
    result.reserveCapacity(bytes.count)
    while index < bytes.count {
      let isMark = bytes[index...].starts(with: markBytes)
      result.append(isMark ? 0x1B : bytes[index])
      index += isMark ? markBytes.count : 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  package static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb" }

  /// Whether standard error is a terminal that can move its cursor.
  package static var isErrorInteractive: Bool { isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb" }

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
    hasColor ? sequence("[\(style.rawValue)m") + text + sequence("[0m") : text
  }

  /// Columns of the terminal; 80 when standard output is none.
  package static var width: Int { width(STDOUT_FILENO) }

  /// Columns of the terminal of standard error; 80 when it is none.
  package static var errorWidth: Int { width(STDERR_FILENO) }

  private static func width(_ descriptor: Int32) -> Int {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// Returns a name, label or other text of one line within a line of output.
  package static func field(_ text: String) -> String { printable(text, limit: 400) }

  /// Returns a cell of a table, cut to its width.
  package static func pad(_ text: String, _ width: Int) -> String {
    let text = field(text)
    return text.count >= width
      ? String(text.prefix(width)) : text + String(repeating: " ", count: width - text.count)
  }

  package static func number(_ value: Double?, _ decimals: Int) -> String {
    value.flatMap { $0.isFinite ? String(format: "%.\(decimals)f", $0) : nil } ?? "–"
  }

  /// Writes one line to standard error.
  package static func complain(_ line: String) { writeError(line + "\n") }

  /// Writes a text to standard error.
  package static func writeError(_ text: String) {
    FileHandle.standardError.write(Data(rendered(maskingUserInformation(text)).utf8))
  }

  package static func padLeft(_ text: String, _ width: Int) -> String {
    text.count >= width ? text : String(repeating: " ", count: width - text.count) + text
  }

  /// Writes the whole text to standard output; ends the program with status 0 when the reader of the pipe has closed it.
  package static func write(_ text: String) {
    var bytes = Array(rendered(text).utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        exit(errno == EPIPE ? 0 : 2)
      }
      bytes = bytes.dropFirst(count)
    }
  }
}

/// Writes values to standard output as Swift's function of this name does, which it shadows: through `Terminal`.
package func print(_ items: Any..., separator: String = " ", terminator: String = "\n") {
  Terminal.write(items.map { String(describing: $0) }.joined(separator: separator) + terminator)
}
