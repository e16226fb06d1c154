import Diagnostics

/// An error of a command, printed as one message with a stable code; the program exits with status 1.
package struct CommandError: CodedError {
  package let code: String
  package let description: String

  package init(_ code: String, _ description: String) {
    self.code = code
    self.description = description
  }

  /// Returns the error for a file that cannot be read.
  package static func unreadable(_ path: String, _ reason: (any Error)? = nil) -> CommandError {
    CommandError("file-unreadable", "\(path) can't be read" + detail(reason))
  }

  /// Returns the error for a file that cannot be written.
  package static func unwritable(_ path: String, _ reason: (any Error)? = nil) -> CommandError {
    CommandError("file-unwritable", "\(path) can't be written" + detail(reason))
  }

  private static func detail(_ reason: (any Error)?) -> String {
    reason.map { " (\(String(describing: $0)))" } ?? ""
  }
}
