import ArgumentParser
import Bridge
import CommandSupport
import Foundation
import MCAP
import SessionLog
import SessionTools

struct InfoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show devices, topics and errors of a session.",
    discussion: discussion(examples: "vrbridge info session.mcap"))

  @Argument(help: "Session (.mcap).", completion: .session)
  var session: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    let summary = try SessionErrors.naming(session) { try SessionSummary(path: session) }
    if json { return printJSON(summary) }
    let state = summary.isComplete ? "whole" : "NOT FINISHED; 'vrbridge recover' makes it whole"
    print("\(summary.path): \(ByteCount.text(summary.size)), \(Span.text(summary.duration)), \(state)")
    let library = Terminal.field(summary.library)
    print("\(summary.messages) messages in \(summary.chunks) chunks, written by \(library)")
    let info = summary.information
    if let started = info["started"] {
      print(Terminal.field("recorded \(started) on \(info["host"] ?? "?"), \(info["kernel"] ?? "?")"))
    }
    if let source = info["imported_from"] { print(Terminal.field("imported from \(source)")) }
    if summary.lost > 0 { print("\(summary.lost) records were lost while recording") }
    for fault in summary.faults { print(Terminal.field("fault: \(fault)")) }
    if !summary.devices.isEmpty {
      print("\ndevices")
      for device in summary.devices {
        print(
          "  \(Terminal.padLeft(String(device.number), 3))  \(Terminal.pad(device.family, 22)) "
            + "\(Terminal.pad(device.serial, 18)) \(Terminal.pad(device.role, 12)) "
            + "\(Terminal.pad(device.origin, 9)) \(Terminal.field(device.calibration)) calibration")
      }
    }
    print("\ntopics")
    for topic in summary.topics {
      let rate = summary.duration > 0 ? Double(topic.messages) / summary.duration : 0
      print(
        "  \(Terminal.pad(topic.name, 36)) \(Terminal.padLeft(String(topic.messages), 10)) "
          + "\(Terminal.padLeft(String(format: "%.1f/s", rate), 10))  \(Terminal.field(topic.schema))")
    }
    if !summary.attachments.isEmpty {
      print("\nattachments")
      for attachment in summary.attachments {
        print(
          "  \(Terminal.pad(attachment.name, 36)) \(Terminal.padLeft(ByteCount.text(attachment.dataSize), 10))  \(Terminal.field(attachment.mediaType))"
        )
      }
    }
    for metadata in summary.metadata where metadata.name != "session" {
      print("\n" + Terminal.field(metadata.name))
      for (key, value) in metadata.values.sorted(by: { $0.key < $1.key }) {
        print(Terminal.field("  \(key): \(value)"))
      }
    }
  }

  private func printJSON(_ summary: SessionSummary) {
    struct Output: Encodable {
      struct Topic: Encodable {
        var name: String
        var schema: String
        var messages: UInt64
      }
      struct Device: Encodable {
        var number: UInt32
        var family: String
        var serial: String
        var role: String
        var origin: String
        var calibration: String
      }
      var path: String
      var bytes: UInt64
      var seconds: Double
      var messages: UInt64
      var complete: Bool
      var lost: UInt64
      var faults: [String]
      var session: [String: String]
      var devices: [Device]
      var topics: [Topic]
    }
    let output = Output(
      path: summary.path, bytes: summary.size, seconds: summary.duration, messages: summary.messages,
      complete: summary.isComplete, lost: summary.lost, faults: summary.faults, session: summary.information,
      devices: summary.devices.map {
        Output.Device(
          number: $0.number, family: $0.family, serial: $0.serial, role: $0.role, origin: $0.origin,
          calibration: $0.calibration)
      }, topics: summary.topics.map { Output.Topic(name: $0.name, schema: $0.schema, messages: $0.messages) })
    print(JSONLine.pretty(output))
  }
}
