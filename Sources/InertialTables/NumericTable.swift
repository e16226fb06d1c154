import Diagnostics
import Glibc

/// A table that cannot be read: file, line, cause and remedy.
public struct TableError: CodedError, Sendable {
  public var file: String
  /// Line number, 1 for the header; 0 for an error of the whole file.
  public var line: Int
  /// Column number of a byte in the line, 1 for the first; 0 for an error of the whole line.
  public var column: Int
  public var problem: String

  public init(file: String, line: Int, column: Int = 0, problem: String) {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
  }

  public var code: String { "table-invalid" }

  public var description: String {
    let position = (line > 0 ? ":\(line)" : "") + (column > 0 ? ":\(column)" : "")
    return "\(file)\(position): \(problem)"
  }
}

/// A text table of numbers: one header line, then one line a row, fields between commas.
///
/// CSV libraries keep every cell as a string (ten times the memory of a long recording) and lose the line number of an
/// error.
public struct NumericTable: Sendable {
  public let file: String
  public let columns: [String]
  /// By column. An empty cell is NaN.
  public let values: [[Double]]

  /// Bounds memory: more than two hours at 2 kHz.
  static let maximumRows = 20_000_000

  public var rowCount: Int { values.first?.count ?? 0 }

  public init(bytes: [UInt8], file: String) throws(TableError) {
    func fault(_ line: Int, _ problem: String) -> TableError {
      TableError(file: file, line: line, problem: problem)
    }
    guard !bytes.isEmpty else { throw fault(0, "the file is empty") }
    let text = try DelimitedText(bytes: bytes, file: file)
    var lines = text.lines[...]
    let names = try text.cells(of: lines.popFirst() ?? [], number: 1).map(DelimitedText.text)
    guard names.count > 1, !names.contains("") else {
      throw fault(1, "a header with a name for each column is expected, for example t_s,gx_rad_s,…")
    }
    if names.allSatisfy({ Double($0) != nil }) {
      throw fault(1, "the first line holds numbers; a header with the columns' names is expected")
    }
    if let twice = names.first(where: { name in names.count(where: { $0 == name }) > 1 }) {
      throw fault(1, "column '\(twice)' is there twice")
    }
    guard lines.count <= Self.maximumRows else {
      throw fault(0, "more than \(Self.maximumRows) rows; split the recording")
    }
    var values = [[Double]](repeating: [], count: names.count)
    for index in values.indices { values[index].reserveCapacity(lines.count) }
    for (index, line) in lines.enumerated() {
      let number = index + 2
      if line.allSatisfy({ $0 == UInt8(ascii: " ") }) { continue }
      let cells = try text.cells(of: line, number: number)
      guard cells.count == names.count else {
        throw fault(number, "\(cells.count) fields where the header names \(names.count)")
      }
      for (column, cell) in cells.enumerated() {
        let value = DelimitedText.text(cell)
        if value.isEmpty {
          values[column].append(.nan)
          continue
        }
        guard let parsed = Double(value) else {
          throw TableError(
            file: file, line: number, column: cell.startIndex - line.startIndex + 1,
            problem: "'\(value.prefix(40))' in column '\(names[column])' is not a number")
        }
        values[column].append(parsed)
      }
    }
    self.file = file
    columns = names
    self.values = values
  }

  public static func read(path: String) throws(TableError) -> NumericTable {
    try NumericTable(bytes: readBytes(path), file: path)
  }
}

/// Reads a whole file.
///
/// - Throws: `TableError` with the system's reason; a folder is none that can be read.
public func readBytes(_ path: String) throws(TableError) -> [UInt8] {
  func fault(_ code: Int32) -> TableError {
    let remedy = code == EISDIR ? "; name a file in it" : ""
    return TableError(
      file: path, line: 0, problem: "can't be read: \(String(cString: strerror(code)))\(remedy)")
  }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw fault(errno) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = read(descriptor, &block, block.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw fault(errno) }
    guard count > 0 else { return bytes }
    bytes += block[..<count]
  }
}
