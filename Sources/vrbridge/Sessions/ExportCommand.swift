import ArgumentParser
import Bridge
import CommandSupport
import MCAP
import SessionLog
import SessionTools

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Export a session to formats of other tools.",
    discussion: discussion(
      """
      csv: tables of states, reports, controls and metrics. euroc: the EuRoC folder layout. hid-recorder: reports, \
      descriptors and features of each device. wav: audio. jpeg: frames as recorded.
      """,
      examples: "vrbridge export session.mcap tables --to csv"))

  @Argument(help: "Session (.mcap).", completion: .session)
  var session: String

  @Argument(help: "Folder to write to.", completion: .directory)
  var folder: String

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("Write this format: csv, euroc, hid-recorder, wav or jpeg.", valueName: "format"),
    completion: .list(["csv", "euroc", "hid-recorder", "wav", "jpeg"]))
  var format: String

  func run() async throws {
    guard let chosen = SessionExporter.Format(rawValue: format) else {
      let known = SessionExporter.Format.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--to \(format) is unknown; allowed: \(known)")
    }
    let written = try SessionErrors.naming(session) {
      try SessionExporter(path: session).export(chosen, to: folder)
    }
    if written.lines.isEmpty {
      SessionErrors.list(written.faults, of: session)
      throw CommandError("nothing-to-export", "\(session) holds no data for the format \(format)")
    }
    for line in written.lines { print(line) }
    try SessionErrors.report(written.faults, of: session, in: folder)
  }
}
