import ArgumentParser
import Diagnostics
import Foundation

/// An error of a command, printed as one message with a stable code; the program exits with status 2.
package struct CommandError: CodedError {
  package let code: String
  package let description: String

  package init(_ code: String, _ description: String) {
    self.code = code
    self.description = description
  }

  /// Returns the error for a file that cannot be read.
  package static func unreadable(_ path: String, _ reason: (any Error)? = nil) -> CommandError {
    CommandError("file-unreadable", "\(path) can't be read" + detail(reason, path))
  }

  /// Returns the error for a file that cannot be written.
  package static func unwritable(_ path: String, _ reason: (any Error)? = nil) -> CommandError {
    CommandError("file-unwritable", "\(path) can't be written" + detail(reason, path))
  }

  private static func detail(_ reason: (any Error)?, _ path: String) -> String {
    reason.map { " (\($0.cause(at: path)))" } ?? ""
  }

  /// Returns the content of a file.
  package static func contents(of path: String) throws(CommandError) -> Data {
    do { return try Data(contentsOf: URL(fileURLWithPath: path)) } catch { throw unreadable(path, error) }
  }

  /// Returns an error with a code for any error; nil for those of the parser of command lines and for exit statuses.
  package static func coded(_ error: any Error, by parser: any ParsableCommand.Type) -> (any CodedError)? {
    if let error = error as? any CodedError { return error }
    if error is ExitCode || error is CleanExit { return nil }
    let status = parser.exitCode(for: error)
    guard status != .validationFailure, !status.isSuccess else { return nil }
    return CommandError("system-error", error.reason)
  }
}
