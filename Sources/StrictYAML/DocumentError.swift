public import Diagnostics

/// A value in a file is invalid: its line and column, the problem, and the allowed values.
public struct DocumentError: CodedError, Sendable, Equatable {
  public var file: String
  /// 1-based; 0 when the error has no position in the text.
  public var line: Int
  public var column: Int
  public var problem: String
  /// The allowed values; empty when the problem names them.
  public var allowed: String

  public init(file: String, line: Int = 0, column: Int = 0, problem: String, allowed: String = "") {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
    self.allowed = allowed
  }

  public var code: String { "document-invalid" }

  public var description: String {
    let position = line > 0 ? "\(file):\(line):\(column)" : file
    return "\(position): \(problem)" + (allowed.isEmpty ? "" : "; allowed: \(allowed)")
  }
}
