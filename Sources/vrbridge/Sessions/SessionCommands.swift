import ArgumentParser
import Bridge
import Devices
import Evaluation
import Foundation
import Logging
import MCAP
import Sensing
import SessionLog
import Spatial

/// A comma-separated choice of named things.
func choices<Choice: RawRepresentable & CaseIterable & Hashable>(
  _ text: String, _ option: String, _: Choice.Type = Choice.self
) throws -> Set<Choice> where Choice.RawValue == String {
  var result: Set<Choice> = []
  for name in text.split(separator: ",").map(String.init) {
    guard let choice = Choice(rawValue: name) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\(option): '\(name)' is not known; allowed: \(known)")
    }
    result.insert(choice)
  }
  return result
}

/// Runs what reads files; every fault becomes one sentence.
func told<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
  do { return try body() } catch let failure as Failure {
    throw failure
  } catch let fault as OutputError {
    throw Failure(fault.description)
  } catch {
    let text = String(describing: error)
    throw Failure(text.hasPrefix(file) ? text : "\(file): \(text)")
  }
}

struct InfoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Tell what a session holds.")

  @Argument(help: "Session (.mcap).")
  var session: String

  @Flag(help: "JSON.")
  var json = false

  func run() async throws {
    let summary = try told(session) { try SessionSummary(path: session) }
    if json { return try printJSON(summary) }
    let state = summary.isComplete ? "whole" : "NOT FINISHED; 'vrbridge recover' makes it whole"
    print("\(summary.path): \(ByteCount.text(summary.size)), \(Span.text(summary.duration)), \(state)")
    print("\(summary.messages) messages in \(summary.chunks) chunks, written by \(summary.library)")
    let info = summary.information
    if let started = info["started"] {
      print("recorded \(started) on \(info["host"] ?? "?"), \(info["kernel"] ?? "?")")
    }
    if let source = info["imported_from"] { print("imported from \(source)") }
    if summary.lost > 0 { print("\(summary.lost) records were lost while recording") }
    for fault in summary.faults { print("fault: \(fault)") }
    if !summary.devices.isEmpty {
      print("\ndevices")
      for device in summary.devices {
        print(
          "  \(Terminal.padLeft(String(device.number), 3))  \(Terminal.pad(device.family, 22)) "
            + "\(Terminal.pad(device.serial, 18)) \(Terminal.pad(device.role, 12)) "
            + "\(Terminal.pad(device.origin, 9)) \(device.calibration) calibration")
      }
    }
    print("\ntopics")
    for topic in summary.topics {
      let rate = summary.duration > 0 ? Double(topic.messages) / summary.duration : 0
      print(
        "  \(Terminal.pad(topic.name, 36)) \(Terminal.padLeft(String(topic.messages), 10)) "
          + "\(Terminal.padLeft(String(format: "%.1f/s", rate), 10))  \(topic.schema)")
    }
    if !summary.attachments.isEmpty {
      print("\nattachments")
      for attachment in summary.attachments {
        print(
          "  \(Terminal.pad(attachment.name, 36)) \(Terminal.padLeft(ByteCount.text(attachment.dataSize), 10))  \(attachment.mediaType)"
        )
      }
    }
    for metadata in summary.metadata where metadata.name != "session" {
      print("\n\(metadata.name)")
      for (key, value) in metadata.values.sorted(by: { $0.key < $1.key }) { print("  \(key): \(value)") }
    }
  }

  private func printJSON(_ summary: SessionSummary) throws {
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
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(output), as: UTF8.self))
  }
}

struct RecoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover", abstract: "Make a whole file of a session that was cut off or damaged.")

  @Argument(help: "Session that was not finished.")
  var input: String

  @Argument(help: "File to write.")
  var output: String

  func run() async throws {
    let result = try told(input) { try SessionRecovery.run(path: input, output: output) }
    for fault in result.faults { print("\(input): \(fault)") }
    print("\(result.messages) messages in \(output)" + (result.wasWhole ? "; nothing was wrong" : ""))
  }
}

struct RedactCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "redact", abstract: "Take out of a session what must not be passed on.",
    discussion: "What was taken out is written into the copy, as metadata 'redaction'.")

  @Argument(help: "Session.")
  var input: String

  @Argument(help: "File to write.")
  var output: String

  @Option(help: ArgumentHelp("Of camera, microphone, annotations, controls, log.", valueName: "a,b"))
  var drop: String?

  @Option(help: ArgumentHelp("Of serials, host.", valueName: "a,b"))
  var scrub: String?

  func validate() throws {
    if drop == nil, scrub == nil { throw ValidationError("say what to take out: --drop or --scrub") }
  }

  func run() async throws {
    let drops: Set<SessionRedaction.Drop> = try choices(drop ?? "", "--drop")
    let scrubs: Set<SessionRedaction.Scrub> = try choices(scrub ?? "", "--scrub")
    let result = try told(input) {
      try SessionRedaction(path: input, drop: drops, scrub: scrubs).run(output: output)
    }
    for (topic, count) in result.dropped.sorted(by: { $0.key < $1.key }) {
      print("\(topic): \(count) messages dropped")
    }
    if scrubs.contains(.serials) { print("\(result.serials) serial numbers scrubbed") }
    for fault in result.faults { print("\(input): \(fault)") }
  }
}

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Set the states of two sessions against each other, device by device.",
    discussion: "States of the same device and capture time are compared.")

  @Argument(help: "Session.")
  var first: String

  @Argument(help: "Session.")
  var second: String

  @Flag(help: "JSON.")
  var json = false

  @Option(help: ArgumentHelp("Picture of the difference over time.", valueName: "out.png"))
  var plot: String?

  func run() async throws {
    let comparison = try told("compare") { try SessionComparison(first, second) }
    if json { try printJSON(comparison) } else { printTable(comparison) }
    if let plot {
      do { try picture(comparison).write(to: plot) } catch {
        throw Failure("the picture \(plot) can't be made: \(error)")
      }
    }
  }

  private func printTable(_ comparison: SessionComparison) {
    print(
      "device    states        common   turn deg rms/p99/max     tilt deg rms/p99/max     place mm rms/p99/max   latency ms p99"
    )
    func spread(_ s: SessionComparison.Spread) -> String {
      String(format: "%7.3f %7.3f %7.3f", s.rms, s.p99, s.max)
    }
    for device in comparison.devices {
      print(
        "\(Terminal.padLeft(String(device.number), 6))  \(Terminal.pad("\(device.first)/\(device.second)", 14))"
          + "\(Terminal.padLeft(String(device.common), 7)) \(spread(device.orientation))  "
          + "\(spread(device.inclination))  \(spread(device.position))  "
          + String(format: "%6.2f/%.2f", device.firstLatency.p99, device.secondLatency.p99))
    }
    print("dropped records: \(comparison.firstLost) and \(comparison.secondLost)")
  }

  private func printJSON(_ comparison: SessionComparison) throws {
    struct Spread: Encodable {
      var rms: Double
      var p99: Double
      var max: Double
      init(_ s: SessionComparison.Spread) { (rms, p99, max) = (s.rms, s.p99, s.max) }
    }
    struct Device: Encodable {
      var device: UInt32
      var states: [Int]
      var common: Int
      var orientation: Spread
      var inclination: Spread
      var position: Spread
      var latency: [Spread]

      enum CodingKeys: String, CodingKey {
        case device, states, common
        case orientation = "orientation_deg"
        case inclination = "inclination_deg"
        case position = "position_mm"
        case latency = "latency_ms"
      }
    }
    struct Output: Encodable {
      var devices: [Device]
      var dropped: [UInt64]
    }
    let output = Output(
      devices: comparison.devices.map {
        Device(
          device: $0.number, states: [$0.first, $0.second], common: $0.common,
          orientation: Spread($0.orientation), inclination: Spread($0.inclination),
          position: Spread($0.position), latency: [Spread($0.firstLatency), Spread($0.secondLatency)])
      }, dropped: [comparison.firstLost, comparison.secondLost])
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    print(String(decoding: try encoder.encode(output), as: UTF8.self))
  }

  private func picture(_ comparison: SessionComparison) -> LinePlot {
    LinePlot(
      panels: comparison.devices.filter { !$0.curve.isEmpty }.prefix(6).map { device in
        (
          "device \(device.number): difference of orientation, degrees",
          [
            LinePlot.Curve(
              name: "", color: LinePlot.blue, points: device.curve.map { ($0.time, $0.angle) })
          ]
        )
      }, note: "\(first) and \(second)")
  }
}

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write what a session holds in formats of other tools.",
    discussion: """
      csv: tables of states, reports, controls and figures. euroc: the EuRoC folder layout. hid-recorder: reports, \
      descriptors and features of each device. wav: audio. jpeg: frames as they came.
      """)

  @Argument(help: "Session.")
  var session: String

  @Argument(help: "Folder to write into.")
  var folder: String

  @Option(name: .customLong("to"), help: "csv, euroc, hid-recorder, wav or jpeg.")
  var format: String

  func run() async throws {
    guard let chosen = SessionExporter.Format(rawValue: format) else {
      let known = SessionExporter.Format.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--to \(format) is not known; allowed: \(known)")
    }
    let written = try told(session) { try SessionExporter(path: session).export(chosen, to: folder) }
    if written.isEmpty { throw Failure("\(session) holds nothing that \(format) could take") }
    for line in written { print(line) }
  }
}

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Make a session of what other tools recorded.",
    discussion: """
      euroc: a folder with mav0/. hid-recorder: recordings of 'vrbridge devices record', hid-tools or 'vrbridge \
      emulate --out'. usbpcap: pcapng captures of usbmon or USBPcap, plain or gzip. csv: a table as 'vrbridge track' \
      reads it. States are computed with the filter in force.
      """)

  @Option(name: .customLong("from"), help: "euroc, hid-recorder, usbpcap or csv.")
  var format: String

  @Argument(help: "File or folder.")
  var input: String

  @Argument(help: "Session to write.")
  var output: String

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp("Lighthouse configuration, for recordings that do not hold it.", valueName: "file"))
  var configurationFile: String?

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  func run() async throws {
    guard ["euroc", "hid-recorder", "usbpcap", "csv"].contains(format) else {
      throw ValidationError("--from \(format) is not known; allowed: euroc, hid-recorder, usbpcap, csv")
    }
    try told(input) {
      let log = Logger.standardError(.warning)
      let name = URL(fileURLWithPath: input).lastPathComponent
      switch format {
      case "hid-recorder":
        try importRecordings([try HIDRecording.read(path: input)], name, log)
      case "usbpcap": try importRecordings(try PacketCapture.read(path: input), name, log)
      case "csv":
        let table = try InertialTable(NumericTable.read(path: input))
        // From the first on, so that times of day keep their nanoseconds; a table may hold any number.
        let first = table.rows.first?.time ?? 0
        let samples = try table.rows.compactMap { row in
          guard abs(row.time - first) < 1e9 else {
            throw Failure("the time \(row.time) is more than thirty years from the first")
          }
          return row.force.map {
            SessionImporter.Sample(
              captured: Timestamp(nanoseconds: 1_000_000_000 + Int64(((row.time - first) * 1e9).rounded())),
              rate: row.rate, force: $0, field: row.field)
          }
        }
        try importSamples(samples, name, log)
      default: try importFolder(EuRoCFolder(root: input), name, log)
      }
    }
    print(output)
  }

  private func importRecordings(_ recordings: [HIDRecording], _ name: String, _ log: Logger) throws {
    let importer = try SessionImporter(output: output, source: "\(format) \(name)", log: log)
    let catalog = try catalog(descriptions)
    for recording in recordings {
      let unknown = try importer.add(
        recording, catalog: catalog, configuration: configurationFile,
        at: Timestamp(nanoseconds: 1_000_000_000))
      for interface in unknown { log.warning("left out, no description fits: \(interface)") }
    }
    try importer.finish()
    guard importer.reports > 0 else {
      try? FileManager.default.removeItem(atPath: output)
      throw Failure(
        "\(input): no description fits any of its devices; 'vrbridge devices --known' lists families")
    }
  }

  private func importSamples(_ samples: [SessionImporter.Sample], _ name: String, _ log: Logger) throws {
    let importer = try SessionImporter(output: output, source: "\(format) \(name)", log: log)
    try importer.add(
      samples: samples, rate: EuRoCFolder.rate(samples.map(\.captured.nanoseconds)), name: name)
    try importer.finish()
  }

  private func importFolder(_ folder: EuRoCFolder, _ name: String, _ log: Logger) throws {
    let samples = try folder.samples()
    let states = folder.hasStates ? try folder.states() : []
    let cameras = try (0..<folder.cameraCount).map { try folder.frames(camera: $0) }
    let importer = try SessionImporter(output: output, source: "euroc \(name)", log: log)
    for state in states {
      let time = Timestamp(nanoseconds: state.time)
      try importer.extra.write(
        groundTruth: TrackedState(
          captured: time, received: time, worldFromDevice: state.pose, linearVelocity: state.velocity,
          flags: [.orientationValid, .orientationTracked, .positionValid, .positionTracked, .recorded]),
        device: 1)
    }
    for (index, frames) in cameras.enumerated() {
      if let lens = folder.lens(camera: index), let first = frames.first {
        try importer.extra.write(
          lens: lens, camera: "cam\(index)", parent: "device-1", at: Timestamp(nanoseconds: first.time))
      }
      for frame in frames {
        let time = Timestamp(nanoseconds: frame.time)
        let ending = frame.name.split(separator: ".").last.map(String.init) ?? ""
        try importer.extra.write(
          image: try folder.data(of: frame, camera: index), format: ending == "jpg" ? "jpeg" : ending,
          camera: "cam\(index)", captured: time, received: time)
      }
    }
    try importer.add(
      samples: samples.map {
        SessionImporter.Sample(captured: Timestamp(nanoseconds: $0.time), rate: $0.rate, force: $0.force)
      }, rate: EuRoCFolder.rate(samples.map(\.time)), name: "EuRoC",
      deviceFromUnit: folder.deviceFromUnit() ?? .identity)
    try importer.finish()
  }
}
