import ArgumentParser
import Bridge
import CommandSupport
import MCAP
import SessionLog
import SessionTools

struct RecoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Repair a truncated or damaged session.",
    discussion: discussion(examples: "vrbridge recover broken.mcap whole.mcap"))

  @Argument(help: "Truncated or damaged session (.mcap).")
  var input: String

  @Argument(help: "File to write.")
  var output: String

  func run() async throws {
    let result = try SessionErrors.naming(input) { try SessionRecovery.run(path: input, output: output) }
    for fault in result.faults { print("\(input): \(Terminal.field(fault))") }
    print("\(result.messages) messages in \(output)" + (result.wasWhole ? "; the session was complete" : ""))
  }
}
