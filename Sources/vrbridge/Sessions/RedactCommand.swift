import ArgumentParser
import Bridge
import CommandSupport
import MCAP
import SessionLog
import SessionTools

struct RedactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "redact",
    abstract: "Copy a session without private data.",
    discussion: discussion(
      "The copy lists the removed data in its metadata 'redaction'.",
      examples: "vrbridge redact session.mcap public.mcap --drop camera,microphone --scrub serials,host"))

  @Argument(help: "Session (.mcap).", completion: .session)
  var input: String

  @Argument(help: "File to write.", completion: .file())
  var output: String

  @Option(
    help: ArgumentHelp(
      "Drop these streams: camera, microphone, annotations, controls, log (default: none).", valueName: "a,b"),
    completion: .list(["camera", "microphone", "annotations", "controls", "log"]))
  var drop: String?

  @Option(
    help: ArgumentHelp("Replace these identifiers: serials, host (default: none).", valueName: "a,b"),
    completion: .list(["serials", "host"]))
  var scrub: String?

  func validate() throws {
    if drop == nil, scrub == nil { throw ValidationError("--drop or --scrub is needed") }
  }

  func run() async throws {
    let drops: Set<SessionRedaction.Drop> = try choices(drop ?? "", "--drop")
    let scrubs: Set<SessionRedaction.Scrub> = try choices(scrub ?? "", "--scrub")
    let result = try SessionErrors.naming(input) {
      try SessionRedaction(path: input, drop: drops, scrub: scrubs).run(output: output)
    }
    for (topic, count) in result.dropped.sorted(by: { $0.key < $1.key }) {
      print("\(Terminal.field(topic)): \(count) messages dropped")
    }
    if scrubs.contains(.serials) { print("\(result.serials) serial numbers scrubbed") }
    try SessionErrors.report(result.faults, of: input, in: output)
  }
}
