import Diagnostics
import Foundation

/// A table that cannot be read: file, line, cause and remedy.
public struct TableError: CodedError, Sendable {
  public var file: String
  /// Line number, 1 for the header; 0 for an error of the whole file.
  public var line: Int
  public var problem: String

  public init(file: String, line: Int, problem: String) {
    self.file = file
    self.line = line
    self.problem = problem
  }

  public var code: String { "table-invalid" }

  public var description: String { line > 0 ? "\(file):\(line): \(problem)" : "\(file): \(problem)" }
}

/// A text table of numbers: one header line, then one line a row, fields between commas.
///
/// CSV libraries keep every cell as a string (ten times the memory of a long recording) and lose the line number of an
/// error. Quotes are not supported: a table of numbers needs none.
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
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
    var header = lines.popFirst() ?? []
    // A byte order mark, as spreadsheets write it.
    if header.starts(with: [0xef, 0xbb, 0xbf]) { header = header.dropFirst(3) }
    let names = String(decoding: header, as: UTF8.self).split(
      separator: ",", omittingEmptySubsequences: false
    )
    .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r\"")) }
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
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.allSatisfy({ $0 == UInt8(ascii: " ") }) { continue }
      let cells = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      guard cells.count == names.count else {
        throw fault(number, "\(cells.count) fields where the header names \(names.count)")
      }
      for (column, cell) in cells.enumerated() {
        let text = String(decoding: cell, as: UTF8.self).trimmingCharacters(in: .whitespaces)
        if text.isEmpty {
          values[column].append(.nan)
          continue
        }
        guard let value = Double(text) else {
          throw fault(number, "'\(text.prefix(40))' in column '\(names[column])' is not a number")
        }
        values[column].append(value)
      }
    }
    self.file = file
    columns = names
    self.values = values
  }

  public static func read(path: String) throws -> NumericTable {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      throw TableError(file: path, line: 0, problem: "can't be read (\(error.localizedDescription))")
    }
    return try NumericTable(bytes: [UInt8](data), file: path)
  }
}
