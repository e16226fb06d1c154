import ArgumentParser
import Bridge
import CommandSupport
import Foundation
import MCAP
import SessionLog
import SessionTools

struct RecoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Repair a truncated or damaged session.",
    discussion: discussion(
      "Writes everything that can be read. Exit status 2 when that is nothing.",
      examples: "vrbridge recover broken.mcap whole.mcap"))

  @Argument(help: "Truncated or damaged session (.mcap).", completion: .session)
  var input: String

  @Argument(help: "File to write.", completion: .file())
  var output: String

  func run() async throws {
    let result = try SessionErrors.naming(input) { try SessionRecovery.run(path: input, output: output) }
    SessionErrors.list(result.faults, of: input)
    guard result.messages > 0 else {
      try? FileManager.default.removeItem(atPath: output)
      throw CommandError(
        "nothing-to-recover", "\(input) holds no message that can be read; \(output) was not written")
    }
    print("\(result.messages) messages in \(output)" + (result.wasWhole ? "; the session was complete" : ""))
  }
}
