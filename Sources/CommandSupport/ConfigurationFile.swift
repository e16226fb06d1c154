import Bridge
import Diagnostics
import Foundation

extension Configuration {
  /// Applies the file of `--config`, else the standard one where there is one.
  ///
  /// - Parameter unused: keys of sections that the command has no use for.
  /// - Throws: `CommandError` for a file that can't be read, `DocumentError` for an invalid one.
  package mutating func applyFile(_ named: String?, unused: [String] = []) throws {
    guard let file = named ?? Self.standardFile(environment: ProcessInfo.processInfo.environment) else {
      return
    }
    let text: String
    do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
      throw CommandError(
        "file-unreadable",
        "the configuration file can't be read: \(error.reason.hasPrefix(file) ? "" : "\(file): ")\(error.reason); check its permissions, or name another with --config"
      )
    }
    try apply(text: text, file: file, unused: unused)
  }
}
