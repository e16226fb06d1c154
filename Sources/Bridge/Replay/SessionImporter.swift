import Devices
import Foundation
import Logging
import MCAP
import Sensing
import SessionLog
import Spatial
import StrictYAML
import Tracking

/// Makes a session of what other tools recorded: the reports go through the same pipelines as from devices.
public final class SessionImporter {
  private let writer: SessionWriter
  private let tap: DirectTap
  private let log: Logger
  private var pipelines: [DevicePipeline] = []
  private var takenRoles: Set<DeviceRole> = []

  public var reports: UInt64 { tap.reports }

  /// - Parameter source: what the session was made of, for its metadata.
  public init(output: String, source: String, log: Logger) throws {
    // Nothing of this machine or this moment, so that the same files make the same session.
    writer = try SessionWriter(
      DiskFile(creating: output),
      information: [
        "library": "vrbridge \(ProductVersion.text)", "version": ProductVersion.text, "format": "1",
        "imported_from": source,
      ])
    tap = DirectTap(writer)
    self.log = log
  }

  public func finish() throws {
    if let failure = tap.failure { throw failure }
    try writer.finish()
  }

  /// Frames and audio that came with what is imported.
  public var extra: SessionWriter { writer }

  // MARK: HID

  /// Imports the interfaces that a description fits.
  ///
  /// - Parameter configuration: Lighthouse configuration for a recording that does not hold it.
  /// - Returns: names of the interfaces that no description fits.
  public func add(
    _ recording: HIDRecording, catalog: DeviceCatalog, configuration: String?, at start: Timestamp
  ) throws -> [String] {
    var recording = recording
    let hasSerial = recording.interfaces.contains { !$0.identity.serial.isEmpty }
    var byKey: [DeviceKey: DevicePipeline] = [:]
    var targets: [(pipeline: DevicePipeline, part: Int)?] = Array(
      repeating: nil, count: recording.interfaces.count)
    var unknown: [String] = []
    var openings: [(index: Int, match: DeviceCatalog.Match)] = []
    for index in recording.interfaces.indices {
      recording.interfaces[index].identity.origin = .recorded
      // As in VirtualDevices: without any serial number the file stands for the unit.
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
    // Parts with motion make the device that the others join.
    for (index, match) in openings.sorted(by: { $0.match.part.reportsMotion && !$1.match.part.reportsMotion })
    {
      let interface = recording.interfaces[index]
      let key = DeviceKey(interface.identity, match.description)
      guard
        let pipeline = byKey[key]
          ?? (match.part.reportsMotion ? makePipeline(match, interface.identity) : nil)
      else {
        unknown.append("\(interface.identity.vendorProduct) \(interface.identity.name)")
        continue
      }
      byKey[key] = pipeline
      let responder = VirtualDevices.responder(
        interface, match, file: recording.file, configuration: configuration, log: log)
      let opened = try PartOpener.open(match, answering: responder, descriptor: interface.descriptor)
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

  /// One sample of an inertial unit in OpenXR axes, SI units.
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

  /// Imports samples as a device whose reports hold them as doubles, so that nothing of them is lost.
  ///
  public func add(
    samples: [Sample], rate: Double, name: String, deviceFromUnit: Pose = .identity
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
    opened.calibration.deviceFromUnit = deviceFromUnit
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

  /// The format of imported samples: report 1, then doubles.
  static func description(name: String, rate: Double, hasField: Bool) -> String {
    """
    # Samples that were imported: doubles in SI units and OpenXR axes.
    format: 1
    family: imported-imu
    name: \(quotedYAML(name.isEmpty ? "Imported inertial unit" : String(name.prefix(80))))
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
        origin: identity.origin), page: nil, events: nil, demand: nil)
    pipeline.tap = tap
    pipelines.append(pipeline)
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
      isNominal: false, settings: OrientationSettings())
    try record.write(to: writer, device: pipeline.id.number, role: pipeline.role, isUpdate: false, at: time)
    let (calibration, rate, clock) = (opened.calibration, match.part.sampleRate, match.part.clock)
    pipeline.attach(
      part: match.partIndex, decoder: opened.decoder, record: record,
      tracker: match.part.reportsMotion
        ? { learned in
          DeviceTracker(
            calibration: calibration, sampleRate: rate, clock: clock, origin: identity.origin,
            learned: learned)
        } : nil)
  }
}
