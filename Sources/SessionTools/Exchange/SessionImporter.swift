import Devices
import Diagnostics
import Foundation
import Logging
import MCAP
import Sensing
import SessionLog
import Spatial
import StrictYAML
import Synchronization
import Tracking
import TrackingPipeline

/// Makes a session from files of other tools: their reports pass the same pipelines as those of devices.
public final class SessionImporter {
  private let writer: SessionWriter
  private let output: String
  private let tap: DirectTap
  private let log: Logger
  private var pipelines: [DevicePipeline] = []
  /// Names of the devices' descriptions.
  private var names: [String] = []
  private var takenRoles: Set<DeviceRole> = []

  public var reports: UInt64 { tap.reports }

  /// - Parameter source: the imported files, for the session's metadata.
  public init(output: String, source: String, log: Logger) throws {
    self.output = output
    // No host and no time, so that the same files make the same session.
    writer = try SessionWriter(
      DiskFile(creating: output),
      information: [
        "library": "vrbridge \(ProductVersion.text)", "version": ProductVersion.text, "format": "1",
        "imported_from": source,
      ])
    tap = DirectTap(writer)
    self.log = log
  }

  /// Ends the session.
  ///
  /// - Throws: `ImportError` when no report could be decoded, `OutputError` when the file can't be written.
  public func finish() throws {
    if let failure = tap.failure { throw failure }
    let undecoded = pipelines.reduce(0) { $0 + $1.statistics.decodeErrors.load(ordering: .relaxed) }
    guard reports == 0 || undecoded < reports else {
      throw ImportError(
        .undecoded,
        "none of the \(reports) reports can be decoded as \(names.joined(separator: ", ")): length, format or checksum differ. Record the device again, or compare its reports with the description"
      )
    }
    for (device, limitation, isActive) in tap.limitations where isActive {
      let index = Int(device.number) - 1
      log.warning("\(names.indices.contains(index) ? names[index] : "device"): \(limitation.text)")
    }
    try writer.finish()
  }

  /// Removes the unfinished session, after an error.
  public func discard() { try? FileManager.default.removeItem(atPath: output) }

  /// The session, for frames and audio that belong to the imported files.
  public var extra: SessionWriter { writer }

  // MARK: HID

  /// Imports the interfaces that match a description.
  ///
  /// - Parameter configuration: path of the Lighthouse configuration for a recording without it.
  /// - Returns: names of the interfaces that match none.
  public func add(
    _ recording: HIDRecording, catalog: DeviceCatalog, configuration: String?, at start: Timestamp
  ) throws -> [String] {
    var recording = recording
    if let problem = recording.timeProblem { log.warning("\(recording.file): \(problem)") }
    let hasSerial = recording.interfaces.contains { !$0.identity.serial.isEmpty }
    var byKey: [DeviceKey: DevicePipeline] = [:]
    /// Parts that were opened, by device.
    var taken: Set<[Int]> = []
    var targets: [(pipeline: DevicePipeline, part: Int)?] = Array(
      repeating: nil, count: recording.interfaces.count)
    var unknown: [String] = []
    var openings: [(index: Int, match: DeviceCatalog.Match)] = []
    for index in recording.interfaces.indices {
      recording.interfaces[index].identity.origin = .recorded
      // Without any serial number the file identifies the device.
      if !hasSerial { recording.interfaces[index].identity.physicalPath = recording.file }
      let interface = recording.interfaces[index]
      if let match = catalog.match(interface.identity, descriptor: interface.descriptor),
        !match.part.reports.isEmpty
      {
        openings.append((index, match))
      } else {
        unknown.append("\(interface.identity.vendorProduct) \(interface.identity.name)")
      }
    }
    // Parts with an IMU first: they make the device that the other parts join.
    for (index, match) in openings.sorted(by: { $0.match.part.reportsMotion && !$1.match.part.reportsMotion })
    {
      let interface = recording.interfaces[index]
      let key = DeviceKey(interface.identity, match.description)
      // A second interface of the same part is another unit with the same serial number or port.
      let known = byKey[key].flatMap { taken.contains([Int($0.id.number), match.partIndex]) ? nil : $0 }
      let pipeline = known ?? makePipeline(match, interface.identity)
      byKey[key] = pipeline
      taken.insert([Int(pipeline.id.number), match.partIndex])
      let responder = RecordedResponder(
        interface, match, file: recording.file, configuration: configuration)
      if let note = responder.note { log.info("\(note)") }
      if let problem = responder.problem {
        guard configuration == nil else {
          throw ImportError(
            .configuration,
            "the configuration file can't be used: \(problem); name a Lighthouse configuration")
        }
        log.error("\(problem)")
      }
      let opened = try PartOpener.open(
        match, answering: responder.features, descriptor: interface.descriptor)
      for warning in opened.warnings {
        log.warning("\(match.description.name), part \(match.part.name): \(warning)")
      }
      try open(match, interface.identity, interface.descriptor, opened, on: pipeline, at: start)
      targets[index] = (pipeline, match.partIndex)
    }
    for event in recording.events {
      guard let target = targets[event.interface] else { continue }
      let received = start.advanced(byNanoseconds: event.offset)
      recording.bytes[event.range].withUnsafeBytes {
        _ = target.pipeline.process(part: target.part, $0, received: received)
      }
      if let failure = tap.failure { throw failure }
    }
    return unknown
  }

  // MARK: samples

  /// One IMU sample in OpenXR axes and SI units.
  public struct Sample: Sendable {
    public var captured: Timestamp
    public var rate: Vector3
    public var force: Vector3
    /// µT.
    public var field: Vector3?

    public init(captured: Timestamp, rate: Vector3, force: Vector3, field: Vector3? = nil) {
      self.captured = captured
      self.rate = rate
      self.force = force
      self.field = field
    }
  }

  /// Imports samples as a device whose reports hold them as doubles, without loss.
  public func add(
    samples: [Sample], rate: Double, name: String, deviceFromIMU: Pose = .identity
  ) throws {
    guard let first = samples.first else { return }
    let hasField = samples.contains { $0.field != nil }
    let text = Self.description(name: name, rate: rate, hasField: hasField)
    let description = try DescriptionParser.parse(text: text, file: "imported-imu.yaml")
    let match = DeviceCatalog.Match(description: description, partIndex: 0)
    var identity = InterfaceIdentity(bus: .virtual, vendor: 0, product: 0, origin: .recorded)
    identity.name = name
    let pipeline = makePipeline(match, identity)
    var opened = try PartOpener.open(match, recorded: [], descriptor: nil)
    opened.calibration.deviceFromUnit = deviceFromIMU
    if hasField { opened.calibration.magnetometer = .identity }
    try open(match, identity, nil, opened, on: pipeline, at: first.captured)
    var report = [UInt8](repeating: 0, count: hasField ? 73 : 49)
    report[0] = 1
    var lastField = Vector3.zero
    for sample in samples {
      lastField = sample.field ?? lastField
      report.withUnsafeMutableBytes { bytes in
        for (index, vector) in [sample.rate, sample.force, lastField].prefix(hasField ? 3 : 2).enumerated() {
          for axis in 0..<3 {
            bytes.storeBytes(
              of: vector[axis].bitPattern.littleEndian, toByteOffset: 1 + index * 24 + axis * 8,
              as: UInt64.self)
          }
        }
      }
      _ = report.withUnsafeBytes { pipeline.process(part: 0, $0, received: sample.captured) }
      if let failure = tap.failure { throw failure }
    }
  }

  /// Returns the description of imported samples: report 1 holds doubles.
  static func description(name: String, rate: Double, hasField: Bool) -> String {
    """
    # Imported samples: doubles in SI units and OpenXR axes.
    format: 1
    family: imported-imu
    name: \(quotedYAML(name.isEmpty ? "Imported IMU" : String(name.prefix(80))))
    kind: tracker
    roles: [head]
    sources: ["made by vrbridge import"]
    parts:
      - name: imu
        match:
          - { vendor: 0x0000, product: 0x0000 }
        sample_rate: \(max(1, min(rate, 10_000)))
        calibration: { source: on_device }
        reports:
          - id: 0x01
            length: \(hasField ? 73 : 49)
            samples:
              at: 1
              stride: 48
              count: 1
              gyroscope: { at: 0, type: f64, unit: rad/s, scale: 1 }
              accelerometer: { at: 24, type: f64, unit: m/s2, scale: 1 }
    \(hasField ? "        magnetometer: { at: 49, type: f64, unit: uT, scale: 1 }\n" : "")
    """
  }

  // MARK: devices

  private func makePipeline(_ match: DeviceCatalog.Match, _ identity: InterfaceIdentity) -> DevicePipeline {
    let role = match.description.roles.first { !takenRoles.contains($0) } ?? .none
    takenRoles.insert(role)
    let id = DeviceID(UInt32(pipelines.count + 1))
    let pipeline = DevicePipeline(
      id: id, role: role, slot: 0, partCount: match.description.parts.count,
      tracker: DeviceTracker(
        calibration: InertialCalibration(), sampleRate: match.part.sampleRate, clock: nil,
        origin: identity.origin))
    pipeline.tap = tap
    pipelines.append(pipeline)
    names.append(match.description.name)
    tap.parts[id.number] = match.description.parts.map(\.name)
    tap.controls[id.number] = match.description.controls
    return pipeline
  }

  private func open(
    _ match: DeviceCatalog.Match, _ identity: InterfaceIdentity, _ descriptor: HIDReportDescriptor?,
    _ opened: OpenedPart, on pipeline: DevicePipeline, at time: Timestamp
  ) throws {
    let record = OpenedPartRecord(
      device: pipeline.id, match: match, identity: identity, descriptor: descriptor, opened: opened,
      isNominal: false, settings: EstimatorSettings())
    try record.write(to: writer, device: pipeline.id.number, role: pipeline.role, isUpdate: false, at: time)
    let (calibration, rate, clock) = (opened.calibration, match.part.sampleRate, match.part.clock)
    let checksTimes = record.checksTimes
    pipeline.attach(
      part: match.partIndex, decoder: opened.decoder, record: record,
      tracker: match.part.reportsMotion
        ? { learned in
          DeviceTracker(
            calibration: calibration, sampleRate: rate, clock: clock, origin: identity.origin,
            learned: learned, checksTimes: checksTimes)
        } : nil)
  }
}
