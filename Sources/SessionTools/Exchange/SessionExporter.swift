import Devices
import Diagnostics
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import TrackingPipeline

/// Writes the contents of a session in formats of other tools.
public struct SessionExporter {
  public enum Format: String, Sendable, CaseIterable {
    case csv
    case euroc
    case hidRecorder = "hid-recorder"
    case wav
    case jpeg
  }

  /// The written files, and the errors met while reading.
  public struct Result: Sendable {
    /// One line per written file or folder, for people.
    public var lines: [String]
    /// Errors while reading the session.
    public var faults: [String]

    init(_ lines: [String], _ contents: SessionReader.Contents) {
      self.lines = lines
      faults = contents.faults.map(\.description)
    }
  }

  private let reader: SessionReader

  public init(path: String) throws { reader = try SessionReader(path: path) }

  public func export(_ format: Format, to folder: String) throws -> Result {
    try PrivateFile.createFolder(folder)
    switch format {
    case .csv: return try exportTables(folder)
    case .euroc: return try exportEuRoC(folder)
    case .hidRecorder: return try exportReports(folder)
    case .wav: return try exportAudio(folder)
    case .jpeg: return try exportFrames(folder)
    }
  }

  /// Collects the calibrated samples of the session's reports.
  private final class SampleTap: PipelineTap {
    var samples: [UInt32: [EuRoCFolder.Sample]] = [:]
    /// Of the last report.
    var optical: [(sample: OpticalSample, sensor: OpticalSensor?)] = []
    var wantsSamples: Bool { true }

    func optical(_ sample: OpticalSample, by sensor: OpticalSensor?, device: DeviceID) {
      optical.append((sample, sensor))
    }

    func sample(captured: Timestamp, rate: Vector3, force: Vector3, device: DeviceID) {
      samples[device.number, default: []].append(
        EuRoCFolder.Sample(time: captured.nanoseconds, rate: rate, force: force))
    }
  }

  // MARK: EuRoC

  private func exportEuRoC(_ folder: String) throws -> Result {
    let tap = SampleTap()
    let engine = ReplayEngine(settings: nil) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = tap
      return pipeline
    }
    var states: [UInt32: [EuRoCFolder.State]] = [:]
    var truth: [UInt32: [EuRoCFolder.State]] = [:]
    var mounts: [UInt32: Pose] = [:]
    var cameras: [String] = []
    var frames: [[EuRoCFolder.Frame]] = []
    var cameraMounts: [String: Foxglove_FrameTransform] = [:]
    var models: [String: CameraModel] = [:]
    let shared = EuRoCFolder(root: folder)
    func state(_ bytes: UnsafeRawBufferPointer) -> EuRoCFolder.State? {
      SessionReader.state(bytes).map {
        EuRoCFolder.State(
          time: $0.captured.nanoseconds, pose: $0.worldFromDevice, velocity: $0.linearVelocity)
      }
    }
    let contents = try reader.read(attachment: { try engine.take($0) }) { record, _ in
      switch record {
      case .report(let device, let part, let report): engine.process(device: device, part: part, report)
      case .event(let event):
        _ = try engine.apply(event)
        if case .partOpened(let opened) = event.event, let calibration = opened.calibration.calibration {
          mounts[opened.deviceID] = calibration.deviceFromUnit
        }
      case .state(let device, let bytes):
        if let state = state(bytes) { states[device, default: []].append(state) }
      case .groundTruth(let device, let bytes):
        if let state = state(bytes) { truth[device, default: []].append(state) }
      case .image(let camera, let image):
        if !cameras.contains(camera) {
          cameras.append(camera)
          frames.append([])
        }
        let index = cameras.firstIndex(of: camera) ?? 0
        let time = image.timestamp.monotonic.nanoseconds
        let frame = EuRoCFolder.Frame(time: time, name: "\(time).\(Self.ending(image.format))")
        try shared.write(frame: frame, data: image.data, camera: index)
        frames[index].append(frame)
      case .cameraMount(let camera, let mount): cameraMounts[camera] = mount
      case .cameraCalibration(let camera, let calibration):
        models[camera] = CameraMessages.model(calibration, mount: cameraMounts[camera])
      case .audio, .other: break
      }
      return .goOn
    }
    let devices = Set(tap.samples.keys).union(truth.keys).sorted()
    var written: [String] = []
    for device in devices {
      // The layout holds one device; further ones get folders of their own.
      let root = device == devices.first ? folder : "\(folder)/device-\(device)"
      let target = EuRoCFolder(root: root)
      let samples = tap.samples[device] ?? []
      try target.write(samples: samples, deviceFromIMU: mounts[device] ?? .identity)
      try target.write(states: truth[device] ?? states[device] ?? [])
      written.append("\(root)/mav0: \(samples.count) samples of device \(device)")
    }
    for index in frames.indices {
      try shared.write(frames: frames[index], camera: index, model: models[cameras[index]])
      written.append("\(folder)/mav0/cam\(index): \(frames[index].count) frames of \(cameras[index])")
    }
    return Result(written, contents)
  }

  static func ending(_ format: String) -> String {
    switch format {
    case "jpeg": "jpg"
    case "png", "webp", "avif": format
    default: "bin"
    }
  }

  // MARK: HID

  private func exportReports(_ folder: String) throws -> Result {
    // Interfaces before reports, in two passes, as the format has them.
    var parts: [UInt32: [Int: Vrbridge_Session_PartOpened]] = [:]
    try reader.read(
      wanted: { if case .events = $0 { true } else { false } }
    ) { record, _ in
      if case .event(let event) = record, case .partOpened(let opened) = event.event,
        parts[opened.deviceID]?[Int(opened.part)] == nil || opened.isUpdate
      {
        parts[opened.deviceID, default: [:]][Int(opened.part)] = opened
      }
      return .goOn
    }
    var writers: [UInt32: (writer: HIDRecordingWriter, indices: [Int: Int], path: String, count: Int)] = [:]
    for (device, list) in parts {
      let path = "\(folder)/device-\(device).hid.gz"
      let writer = try HIDRecordingWriter(path: path)
      let sorted = list.sorted { $0.key < $1.key }
      try writer.begin(sorted.map { ($0.value.interface, [UInt8]($0.value.reportDescriptor)) })
      var indices: [Int: Int] = [:]
      for (index, (part, opened)) in sorted.enumerated() {
        indices[part] = index
        for exchange in opened.features {
          try writer.feature(FeatureExchange(exchange), interface: index)
        }
      }
      writers[device] = (writer, indices, path, 0)
    }
    let contents = try reader.read(
      wanted: { if case .report = $0 { true } else { false } }
    ) { record, _ in
      if case .report(let device, let part, let report) = record, let entry = writers[device],
        let index = entry.indices[part]
      {
        try entry.writer.report(report.data, interface: index, at: report.received)
        writers[device]?.count += 1
      }
      return .goOn
    }
    var written: [String] = []
    for (_, entry) in writers.sorted(by: { $0.key < $1.key }) {
      try entry.writer.finish()
      written.append("\(entry.path): \(entry.count) reports")
    }
    return Result(written, contents)
  }

  // MARK: tables

  private func exportTables(_ folder: String) throws -> Result {
    var tables: [String: (file: TextFile, rows: Int)] = [:]
    func row(_ name: String, _ header: String, _ cells: String) throws {
      if tables[name] == nil {
        tables[name] = (try TextFile(path: "\(folder)/\(name)"), 0)
        try tables[name]?.file.line(header)
      }
      try tables[name]?.file.line(cells)
      tables[name]?.rows += 1
    }
    let tap = SampleTap()
    let engine = ReplayEngine(settings: nil) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = tap
      return pipeline
    }
    let contents = try reader.read(attachment: { try engine.take($0) }) { record, _ in
      switch record {
      case .state(let device, let bytes), .groundTruth(let device, let bytes):
        guard let state = SessionReader.state(bytes) else { return .goOn }
        let kind = if case .groundTruth = record { "ground-truth" } else { "states" }
        let (p, q, w, v) = (
          state.worldFromDevice.position, state.worldFromDevice.orientation, state.angularVelocity,
          state.linearVelocity
        )
        let u = state.uncertainty
        try row(
          "device-\(device)-\(kind).csv",
          "captured_ns,received_ns,px_m,py_m,pz_m,qx,qy,qz,qw,wx_rad_s,wy_rad_s,wz_rad_s,vx_m_s,vy_m_s,vz_m_s,sigma_inclination_rad,sigma_heading_rad,sigma_position_m,flags",
          "\(state.captured.nanoseconds),\(state.received.nanoseconds),\(p.x),\(p.y),\(p.z),"
            + "\(q.x),\(q.y),\(q.z),\(q.w),\(w.x),\(w.y),\(w.z),\(v.x),\(v.y),\(v.z),"
            + "\(u.inclination),\(u.heading),\(u.position),\(state.flags.rawValue)")
      case .report(let device, let part, let report):
        tap.optical.removeAll(keepingCapacity: true)
        engine.process(device: device, part: part, report)
        for (sample, sensor) in tap.optical {
          let position = sensor.map {
            "\($0.position.x),\($0.position.y),\($0.position.z),\($0.normal.x),\($0.normal.y),\($0.normal.z)"
          }
          try row(
            "device-\(device)-optical.csv",
            "received_ns,kind,sensor,ticks,length_ticks,ticks_per_s,channel,bit,x_m,y_m,z_m,nx,ny,nz",
            "\(sample.received.nanoseconds),\(sample.kind),\(sample.sensor.map(String.init) ?? ""),"
              + "\(sample.ticks),\(sample.length),\(sample.rate),\(sample.channel.map(String.init) ?? ""),"
              + "\(sample.bit.map { $0 ? "1" : "0" } ?? ""),\(position ?? ",,,,,")")
        }
        try row(
          "device-\(device)-reports.csv", "received_ns,captured_ns,device_ticks,part,report",
          "\(report.received.nanoseconds),\(report.captured.map { String($0.nanoseconds) } ?? ""),"
            + "\(report.deviceTicks.map(String.init) ?? ""),\(part),"
            + report.data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
      case .other(.control(let device), let bytes):
        guard let change = try? Vrbridge_Session_ControlChange(serializedBytes: Array(bytes)) else {
          return .goOn
        }
        try row(
          "device-\(device)-controls.csv", "time_ns,control,path,value",
          "\(change.timeNs),\(change.control),\(Self.cell(change.path)),\(change.value)")
      case .other(.figures(let device), let bytes):
        guard let f = try? Vrbridge_Session_Figures(serializedBytes: Array(bytes)) else { return .goOn }
        try row(
          "device-\(device)-figures.csv",
          "time_ns,reports,decode_errors,lost_samples,clock_residual_us,clock_skew_ppm,drift_at_rest_deg_min,drift_against_gravity_deg_min,drift_against_field_deg_min,gyroscope_noise_deg,bias_x_rad_s,bias_y_rad_s,bias_z_rad_s",
          "\(f.timeNs),\(f.reports),\(f.decodeErrors),\(f.lostSamples),\(f.clockResidualUs),\(f.clockSkewPpm),"
            + "\(f.driftAtRestDegMin),\(f.driftAgainstGravityDegMin),\(f.driftAgainstFieldDegMin),"
            + "\(f.gyroscopeNoiseDeg),\(f.biasX),\(f.biasY),\(f.biasZ)")
      case .event(let event): _ = try engine.apply(event)
      case .image, .cameraCalibration, .cameraMount, .audio, .other: break
      }
      return .goOn
    }
    for entry in tables.values { try entry.file.finish() }
    return Result(
      tables.sorted { $0.key < $1.key }.map { "\(folder)/\($0.key): \($0.value.rows) rows" }, contents)
  }

  /// Returns a text as one cell (RFC 4180). A spreadsheet would compute one that begins like a formula.
  public static func cell(_ text: String) -> String {
    var text = printable(text, limit: 1024)
    if let first = text.first, "=+-@".contains(first) { text = "'" + text }
    guard text.contains(where: { $0 == "," || $0 == "\"" }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  // MARK: audio and frames

  private func exportAudio(_ folder: String) throws -> Result {
    var files: [String: WAVFile] = [:]
    let contents = try reader.read(
      wanted: { if case .audio = $0 { true } else { false } }
    ) { record, _ in
      guard case .audio(let microphone, let block) = record, block.format == "pcm-s16" else { return .goOn }
      if files[microphone] == nil {
        let name = microphone.map { $0.isLetter || $0.isNumber ? $0 : "-" }
        files[microphone] = try WAVFile(
          path: "\(folder)/\(String(name)).wav", sampleRate: block.sampleRate,
          channels: block.numberOfChannels)
      }
      try files[microphone]?.append(block.data)
      return .goOn
    }
    for file in files.values { try file.finish() }
    return Result(files.keys.sorted().map { "\(folder): audio of \($0)" }, contents)
  }

  private func exportFrames(_ folder: String) throws -> Result {
    var counts: [String: Int] = [:]
    let contents = try reader.read(
      wanted: { if case .image = $0 { true } else { false } }
    ) { record, _ in
      guard case .image(let camera, let image) = record else { return .goOn }
      let name = String(camera.map { $0.isLetter || $0.isNumber ? $0 : "-" })
      let target = "\(folder)/\(name)"
      try PrivateFile.createFolder(target)
      let time = image.timestamp.monotonic.nanoseconds
      try PrivateFile.write(image.data, to: "\(target)/\(time).\(Self.ending(image.format))")
      counts[target, default: 0] += 1
      return .goOn
    }
    return Result(counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value) frames" }, contents)
  }
}

/// Writes lines into a file through a buffer.
private final class TextFile {
  private let file: FileHandle
  private var pending = Data()

  init(path: String) throws {
    file = try PrivateFile.create(path)
  }

  func line(_ text: String) throws {
    pending.append(contentsOf: text.utf8)
    pending.append(10)
    if pending.count > 1 << 18 {
      try file.write(contentsOf: pending)
      pending.removeAll(keepingCapacity: true)
    }
  }

  func finish() throws {
    try file.write(contentsOf: pending)
    try file.close()
  }
}
