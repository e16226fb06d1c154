/// Lines of comma-separated values (RFC 4180) in UTF-8, with the position of each cell for errors.
public struct DelimitedText: Sendable {
  /// The cells of a line.
  public struct Line: Sendable {
    /// Line number, 1 for the first.
    public var number: Int
    /// Without quotes and without spaces around.
    public var cells: [String]
    /// Column number of each cell's first byte, 1 for the first.
    public var columns: [Int]
  }

  public let file: String
  /// Without a byte order mark.
  let bytes: ArraySlice<UInt8>

  /// - Throws: `TableError` for a text in another encoding.
  public init(bytes: [UInt8], file: String) throws(TableError) {
    self.file = file
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) || bytes.prefix(1024).contains(0)
    {
      throw TableError(file: file, line: 0, problem: "the text is UTF-16 or binary; save it as UTF-8")
    }
    self.bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    if let line = Self.firstInvalidLine(self.bytes) {
      throw TableError(
        file: file, line: line,
        problem: "a character is not UTF-8, as in Latin-1 or Windows-1252 text; save the file as UTF-8")
    }
  }

  private static func firstInvalidLine(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.contains(where: { $0 >= 0x80 }), String(validating: bytes, as: UTF8.self) == nil else {
      return nil
    }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
  }

  /// The lines without their line ends, whole.
  var lines: [ArraySlice<UInt8>] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
      $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0
    }
  }

  /// Visits all lines that hold text, comments (`#`) included.
  public func forEachLine(_ body: (Line) throws -> Void) throws {
    for (index, line) in lines.enumerated() where !line.allSatisfy({ $0 == UInt8(ascii: " ") }) {
      let cells = try cells(of: line, number: index + 1)
      try body(
        Line(
          number: index + 1, cells: cells.map(Self.text),
          columns: cells.map { $0.startIndex - line.startIndex + 1 }))
    }
  }

  /// Returns a cell as text: without quotes and without spaces around.
  static func text(_ cell: ArraySlice<UInt8>) -> String {
    let text = String(decoding: trimmed(cell), as: UTF8.self)
    guard text.hasPrefix("\""), text.hasSuffix("\""), text.count > 1 else { return text }
    return String(text.dropFirst().dropLast()).replacing("\"\"", with: "\"")
  }

  private static func trimmed(_ cell: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard let first = cell.firstIndex(where: { !isSpace($0) }),
      let last = cell.lastIndex(where: { !isSpace($0) })
    else { return cell.prefix(0) }
    return cell[first...last]
  }

  /// Splits a line at the commas outside of quotes.
  func cells(of line: ArraySlice<UInt8>, number: Int) throws(TableError) -> [ArraySlice<UInt8>] {
    let (comma, quote) = (UInt8(ascii: ","), UInt8(ascii: "\""))
    guard line.contains(quote) else { return line.split(separator: comma, omittingEmptySubsequences: false) }
    var cells: [ArraySlice<UInt8>] = []
    var (start, isQuoted) = (line.startIndex, false)
    for index in line.indices {
      if line[index] == quote {
        isQuoted.toggle()
      } else if line[index] == comma, !isQuoted {
        cells.append(line[start..<index])
        start = index + 1
      }
    }
    guard !isQuoted else {
      throw TableError(
        file: file, line: number, column: start - line.startIndex + 1, problem: "a quoted cell is not closed")
    }
    cells.append(line[start...])
    return cells
  }
}
