/// A file that says something it must not: where, what is wrong, and what would be right.
public struct DocumentError: Error, Sendable, Equatable, CustomStringConvertible {
  public var file: String
  /// 1-based; 0 when the fault has no place in the text.
  public var line: Int
  public var column: Int
  public var problem: String
  /// What is allowed at this place; empty when the problem says it.
  public var allowed: String

  public init(file: String, line: Int = 0, column: Int = 0, problem: String, allowed: String = "") {
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
    self.allowed = allowed
  }

  public var description: String {
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    return "\(place): \(problem)" + (allowed.isEmpty ? "" : "; allowed: \(allowed)")
  }
}
