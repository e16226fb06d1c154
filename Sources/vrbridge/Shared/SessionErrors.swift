import CommandSupport
import Diagnostics
import MCAP

/// Names the session in errors of code that reads one.
enum SessionErrors {
  /// Runs code that reads a file; an error without the file's name gets it in front.
  static func naming<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as CommandError {
      throw error
    } catch let error as OutputError {
      throw error
    } catch {
      let text = String(describing: error)
      throw CommandError(
        (error as? any CodedError)?.code ?? "session-unreadable",
        text.hasPrefix(file) ? text : "\(file): \(text)")
    }
  }
}
