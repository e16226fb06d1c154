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
      emulate --out'. usbpcap: captures of usbmon or USBPcap (pcapng or pcap, plain or gzip); \
      begin the capture before plugging the device in, or name the device with --device or --family. csv: a table as 'vrbridge track' \
      reads it. States are computed with the current filter.
      """,
      examples: "vrbridge import --from euroc MH_01 session.mcap",
      "vrbridge import --from hid-recorder vive.hid.gz session.mcap",
      "vrbridge import --from usbpcap capture.pcapng session.mcap --device 054c:09cc"))

  @Option(
    name: .customLong("from"),
    help: ArgumentHelp("Read this format: euroc, hid-recorder, usbpcap or csv.", valueName: "format"),
    completion: .list(["euroc", "hid-recorder", "usbpcap", "csv"]))
  var format: String

  @Argument(help: "File or folder to read.", completion: .file())
  var input: String

  @Argument(help: "Session to write.", completion: .file())
  var output: String

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp(
      "Read the lighthouse configuration from this file, for recordings without one (default: none).",
      valueName: "file"), completion: .file())
  var configurationFile: String?

  @Option(
    help: ArgumentHelp(
      "Take devices without descriptors in a capture for this USB device (default: none).",
      valueName: "vid:pid"))
  var device: String?

  @Option(
    help: ArgumentHelp(
      "Take devices without descriptors in a capture for one of this family; 'vrbridge devices --known' lists families (default: none).",
      valueName: "name"), completion: .family)
  var family: String?

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  func validate() throws {
    guard ["euroc", "hid-recorder", "usbpcap", "csv"].contains(format) else {
      throw ValidationError("--from \(format) is unknown; allowed: euroc, hid-recorder, usbpcap, csv")
    }
    if let device, CapturedIdentity(device) == nil {
      throw ValidationError("--device \(device): two hexadecimal numbers are needed, such as 054c:09cc")
    }
    guard format == "usbpcap" || device == nil && family == nil else {
      throw ValidationError("--device and --family are for --from usbpcap")
    }
  }

  func run() async throws {
    try SessionErrors.naming(input) {
      let log = Logger.standardError(.warning)
      let name = URL(fileURLWithPath: input).lastPathComponent
      switch format {
      case "hid-recorder":
        try importRecordings([try HIDRecording.read(path: input)], try catalog(descriptions), name, log)
      case "usbpcap": try importCapture(name, log)
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

  private func importCapture(_ name: String, _ log: Logger) throws {
    var catalog = try catalog(descriptions)
    var identity = device.flatMap { CapturedIdentity($0) }
    if let family {
      guard let description = catalog.description(family: family) else {
        let known = catalog.descriptions.map(\.family).joined(separator: ", ")
        throw CommandError("unknown-family", "there is no family '\(family)'; supported: \(known)")
      }
      catalog = DeviceCatalog(descriptions: [description])
      identity = identity ?? CapturedIdentity(of: description)
    }
    var recordings = try PacketCapture.read(path: input)
    if let identity { recordings = identity.applied(to: recordings) }
    try CapturedIdentity.check(recordings, file: input)
    try importRecordings(recordings, catalog, name, log)
  }

  /// Writes the session; an error removes it.
  private func write(_ source: String, _ log: Logger, _ body: (SessionImporter) throws -> Void) throws {
    let importer = try SessionImporter(output: output, source: source, log: log)
    do {
      try body(importer)
      try importer.finish()
    } catch {
      importer.discard()
      throw error
    }
  }

  private func importRecordings(
    _ recordings: [HIDRecording], _ catalog: DeviceCatalog, _ name: String, _ log: Logger
  ) throws {
    try write("\(format) \(name)", log) { importer in
      for recording in recordings {
        let unknown = try importer.add(
          recording, catalog: catalog, configuration: configurationFile,
          at: Timestamp(nanoseconds: 1_000_000_000))
        for interface in unknown { log.warning("left out, no description matches: \(interface)") }
      }
      guard importer.reports > 0 else {
        let hasReports = recordings.contains { !$0.events.isEmpty }
        throw CommandError(
          hasReports ? "unknown-device" : "nothing-to-import",
          hasReports
            ? "\(input): no description matches any of its devices; 'vrbridge devices --known' lists families"
            : "\(input) holds no reports; record while the device is in use")
      }
    }
  }

  private func importSamples(_ samples: [SessionImporter.Sample], _ name: String, _ log: Logger) throws {
    guard !samples.isEmpty else {
      throw CommandError(
        "nothing-to-import", "\(input) holds no line with angular rates and accelerations")
    }
    try write("\(format) \(name)", log) { importer in
      try importer.add(
        samples: samples, rate: EuRoCFolder.rate(samples.map(\.captured.nanoseconds)), name: name)
    }
  }

  private func importFolder(_ folder: EuRoCFolder, _ name: String, _ log: Logger) throws {
    let samples = try folder.samples()
    let states = folder.hasStates ? try folder.states() : []
    let cameras = try (0..<folder.cameraCount).map {
      (try folder.frames(camera: $0), try folder.model(camera: $0))
    }
    let mount = try folder.deviceFromIMU()
    guard !samples.isEmpty || !states.isEmpty || cameras.contains(where: { !$0.0.isEmpty }) else {
      throw CommandError("nothing-to-import", "\(input) holds no samples, states or frames")
    }
    if mount == nil { log.warning("imu0/sensor.yaml has no T_BS: the IMU's axes are taken for the device's") }
    try write("euroc \(name)", log) { importer in
      for state in states {
        let time = Timestamp(nanoseconds: state.time)
        try importer.extra.write(
          groundTruth: TrackedState(
            captured: time, received: time, worldFromDevice: state.pose, linearVelocity: state.velocity,
            flags: [.orientationValid, .orientationTracked, .positionValid, .positionTracked, .recorded]),
          device: 1)
      }
      for (index, (frames, model)) in cameras.enumerated() {
        try write(frames, of: index, model, folder, importer, log)
      }
      try importer.add(
        samples: samples.map {
          SessionImporter.Sample(captured: Timestamp(nanoseconds: $0.time), rate: $0.rate, force: $0.force)
        }, rate: EuRoCFolder.rate(samples.map(\.time)), name: "EuRoC", deviceFromIMU: mount ?? .identity)
    }
  }

  /// Writes a camera's frames; one without its file is left out.
  private func write(
    _ frames: [EuRoCFolder.Frame], of camera: Int, _ model: CameraModel?, _ folder: EuRoCFolder,
    _ importer: SessionImporter, _ log: Logger
  ) throws {
    let name = "cam\(camera)"
    if let model, let first = frames.first {
      try importer.extra.write(
        model: model, camera: name, parent: "device-1", at: Timestamp(nanoseconds: first.time))
    }
    var missing: [String] = []
    for frame in frames {
      guard let data = folder.data(of: frame, camera: camera) else {
        missing.append(frame.name)
        continue
      }
      let time = Timestamp(nanoseconds: frame.time)
      let ending = frame.name.split(separator: ".").last.map(String.init) ?? ""
      try importer.extra.write(
        image: data, format: ending == "jpg" ? "jpeg" : ending, camera: name, captured: time, received: time)
    }
    if let first = missing.first {
      log.warning(
        "\(name): \(missing.count) of \(frames.count) pictures can't be read and are left out; the first: \(first)"
      )
    }
  }
}
