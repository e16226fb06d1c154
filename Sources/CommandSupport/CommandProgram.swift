import ArgumentParser
import Diagnostics
import Glibc

extension AsyncParsableCommand {
  /// Parses and runs a command line; prints errors with their codes to standard error.
  ///
  /// Exit status: 0 on success, 1 for a negative result of a comparison or a check, 2 for an error of a command, 64 for a
  /// command line that is not understood.
  package static func execute(_ arguments: [String]) async -> Never {
    do throws(UnknownCommandError) { try CommandTree(self).check(arguments) } catch {
      Terminal.complain("Error: \(error) [unknown-command]")
      Glibc.exit(64)
    }
    do {
      var command = try await asyncParseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch { fail(error) }
    Glibc.exit(0)
  }

  /// Ends the program with an error.
  package static func fail(_ error: any Error) -> Never {
    if let error = CommandError.coded(error, by: self) {
      Terminal.complain("Error: \(error.printed)")
      Glibc.exit(ExitCode.couldNot.rawValue)
    }
    let (code, text) = (exitCode(for: error), fullMessage(for: error))
    // Help and versions are texts of this program.
    guard !code.isSuccess else { exit(withError: error) }
    if !text.isEmpty { Terminal.complain(text) }
    Glibc.exit(code.rawValue)
  }
}

/// Joins a description of a command with examples of its use.
///
/// - Parameter examples: command lines with the program's name in front; one at least.
package func discussion(_ text: String = "", examples: String...) -> String {
  (text.isEmpty ? "" : text + "\n\n") + "Examples:\n" + examples.map { "  " + $0 }.joined(separator: "\n")
}
