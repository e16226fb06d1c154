import CommandSupport
import Diagnostics
import Foundation
import MCAP

/// Names the session in errors of code that reads one.
enum SessionErrors {
  /// Runs code that reads a file; an error without the file's name gets it in front.
  static func naming<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as CommandError {
      throw error
    } catch let error as OutputError {
      throw written(error)
    } catch {
      let text = error.reason
      throw CommandError(
        (error as? any CodedError)?.code ?? "session-unreadable",
        text.hasPrefix(file) ? text : "\(file): \(text)")
    }
  }

  private static func written(_ error: OutputError) -> CommandError {
    switch error.operation {
    case "opened", "read": CommandError("file-unreadable", error.description)
    case "created" where error.code == EEXIST:
      CommandError("file-unwritable", "\(error.description); name another file, or remove this one first")
    default: CommandError("file-unwritable", error.description)
    }
  }

  /// Prints the first errors met while reading a session, and the number of the others.
  static func list(_ faults: [String], of file: String) {
    for fault in faults.prefix(10) { Terminal.complain("\(file): \(Terminal.field(fault))") }
    if faults.count > 10 { Terminal.complain("\(file): \(faults.count - 10) more errors") }
  }

  /// Prints the errors met while reading a session.
  ///
  /// - Throws: `CommandError` when there is one: the output lacks the unreadable part.
  static func report(_ faults: [String], of file: String, in output: String) throws(CommandError) {
    guard !faults.isEmpty else { return }
    list(faults, of: file)
    throw CommandError(
      "session-damaged",
      "\(file) is damaged; \(output) lacks the unreadable part. 'vrbridge recover' writes the rest")
  }
}
