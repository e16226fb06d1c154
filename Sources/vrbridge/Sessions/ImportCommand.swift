import ArgumentParser
import Bridge
import CommandSupport
import Devices
import Foundation
import InertialTables
import Logging
import MCAP
import Sensing
import SessionLog
import SessionTools
import Spatial

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Import recordings of other tools as a session.",
    discussion: discussion(
      """
      euroc: a folder with mav0/. hid-recorder: recordings of 'vrbridge devices record', hid-tools or 'vrbridge \
      emulate --out'. usbpcap: pcapng captures of usbmon or USBPcap, plain or gzip. csv: a table as 'vrbridge track' \
      reads it. States are computed with the current filter.
      """,
      examples: "vrbridge import --from euroc MH_01 session.mcap",
      "vrbridge import --from hid-recorder vive.hid.gz session.mcap"))

  @Option(
    name: .customLong("from"),
    help: ArgumentHelp("Read this format: euroc, hid-recorder, usbpcap or csv.", valueName: "format"))
  var format: String

  @Argument(help: "File or folder to read.")
  var input: String

  @Argument(help: "Session to write.")
  var output: String

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp(
      "Read the lighthouse configuration from this file, for recordings without one (default: none).",
      valueName: "file"))
  var configurationFile: String?

  @Option(help: .descriptions)
  var descriptions: String?

  func run() async throws {
    guard ["euroc", "hid-recorder", "usbpcap", "csv"].contains(format) else {
      throw ValidationError("--from \(format) is unknown; allowed: euroc, hid-recorder, usbpcap, csv")
    }
    try SessionErrors.naming(input) {
      let log = Logger.standardError(.warning)
      let name = URL(fileURLWithPath: input).lastPathComponent
      switch format {
      case "hid-recorder":
        try importRecordings([try HIDRecording.read(path: input)], name, log)
      case "usbpcap": try importRecordings(try PacketCapture.read(path: input), name, log)
      case "csv":
        let table = try InertialTable(NumericTable.read(path: input))
        // Relative to the first, so that times of day keep their nanoseconds; a table may hold any number.
        let first = table.rows.first?.time ?? 0
        let samples = try table.rows.compactMap { row in
          guard abs(row.time - first) < 1e9 else {
            throw CommandError(
              "time-out-of-range", "the time \(row.time) is more than thirty years from the first")
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
      for interface in unknown { log.warning("left out, no description matches: \(interface)") }
    }
    try importer.finish()
    guard importer.reports > 0 else {
      try? FileManager.default.removeItem(atPath: output)
      throw CommandError(
        "unknown-device",
        "\(input): no description matches any of its devices; 'vrbridge devices --known' lists families")
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
      if let model = folder.model(camera: index), let first = frames.first {
        try importer.extra.write(
          model: model, camera: "cam\(index)", parent: "device-1", at: Timestamp(nanoseconds: first.time))
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
      deviceFromIMU: folder.deviceFromIMU() ?? .identity)
    try importer.finish()
  }
}
