import Devices
import Foundation
import MCAP
import Sensing
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

@testable import SessionLog

struct SessionLogTests {
  static func state(_ seed: Double) -> TrackedState {
    var state = TrackedState(
      captured: Timestamp(nanoseconds: 1_234_567_890_123),
      received: Timestamp(nanoseconds: 1_234_567_990_123),
      worldFromDevice: Pose(
        position: Vector3(seed, -0.0, 1e-300),
        orientation: Quaternion(rotationVector: Vector3(seed, 0.2, -0.3))),
      angularVelocity: Vector3(1 / 3, seed, -2), linearVelocity: Vector3(0.1, 0.2, seed),
      uncertainty: PoseUncertainty(inclination: 0.01, heading: .pi),
      flags: [.orientationValid, .recorded])
    for index in 0..<4 { state.ratesAhead[index] = Vector3(Double(index), seed, 0) }
    return state
  }

  @Test func bytesOfAStateAreProtobuf() throws {
    let state = Self.state(0.7)
    let bytes = SessionReader.bytes(of: state)
    let message = try Vrbridge_Session_TrackedState(serializedBytes: bytes)
    #expect(message.capturedNs == 1_234_567_890_123 && message.receivedNs == 1_234_567_990_123)
    let q = state.worldFromDevice.orientation
    #expect([message.qx, message.qy, message.qz, message.qw] == [q.x, q.y, q.z, q.w])
    #expect([message.px, message.py, message.pz] == [0.7, 0, 1e-300] && message.py.sign == .minus)
    #expect([message.wx, message.wy, message.wz] == [1 / 3, 0.7, -2])
    #expect([message.vx, message.vy, message.vz] == [0.1, 0.2, 0.7])
    #expect(message.ratesAhead == [0, 0.7, 0, 1, 0.7, 0, 2, 0.7, 0, 3, 0.7, 0])
    #expect(
      message.sigmaHeading == .pi && message.sigmaPosition.isNaN && message.flags == state.flags.rawValue)
    let back = try #require(bytes.withUnsafeBytes { SessionReader.state($0) })
    #expect(SessionReader.bytes(of: back) == bytes)
    for length in 0..<bytes.count {
      #expect(Array(bytes[0..<length]).withUnsafeBytes { SessionReader.state($0) } == nil)
    }
  }

  @Test(arguments: [0, 1, 64, 127, 128, 300, 20_000])
  func bytesOfAReportAreProtobuf(_ count: Int) throws {
    let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var bytes = [UInt8](repeating: 0xee, count: WireFormat.reportLength(count))
    data.withUnsafeBytes { data in
      bytes.withUnsafeMutableBytes { bytes in
        WireFormat.write(SessionReport(received: Timestamp(nanoseconds: 77), data: data), into: bytes)
        WireFormat.complete(bytes, captured: Timestamp(nanoseconds: 55), deviceTicks: .max)
      }
    }
    let message = try Vrbridge_Session_Report(serializedBytes: bytes)
    #expect(message.receivedNs == 77 && message.capturedNs == 55 && message.deviceTicks == .max)
    #expect(message.hasTicks_p && message.data == Data(data))
    // As another writer would put it: other lengths, other order, absent fields.
    let plain: [UInt8] = try Vrbridge_Session_Report.with {
      $0.receivedNs = 9
      $0.data = Data(data)
    }.serializedBytes()
    plain.withUnsafeBytes {
      let report = WireFormat.report($0)
      #expect(report?.received.nanoseconds == 9 && report?.captured == nil && report?.deviceTicks == nil)
      #expect(report.map { Array($0.data) } == data)
    }
  }

  /// A session of every kind of message.
  private func everything(_ path: String) throws {
    let writer = try SessionWriter(
      DiskFile(creating: path), information: ["library": "test", "host": "secret"])
    let time = Timestamp(nanoseconds: 5_000_000_000)
    try [UInt8](0..<20).withUnsafeBytes {
      try writer.write(SessionReport(received: time, data: $0), device: 1, part: 0, name: "imu")
    }
    for index in 0..<30 {
      var state = Self.state(0.3)
      state.captured = time.advanced(byNanoseconds: Int64(index) * 1_000_000)
      try writer.write(state, device: 1)
    }
    try writer.write(
      image: Data([0xff, 0xd8, 0xff, 0xd9]), format: "jpeg", camera: "front/left", captured: time,
      received: time)
    try writer.write(
      audio: Data([1, 0, 2, 0]), sampleRate: 48_000, channels: 1, microphone: "mic", captured: time,
      received: time)
    try writer.write(log: "something", level: .warning, name: "test", at: time)
    try writer.write(
      Foxglove_ImageAnnotations.with {
        $0.texts = [
          .with {
            $0.timestamp = time.protobuf
            $0.text = "cup"
          }
        ]
      }, on: .imageAnnotations(camera: "front"), at: time)
    try writer.write(
      Foxglove_SceneUpdate.with { $0.entities = [.with { $0.id = "1" }] }, on: .scene, at: time)
    try writer.write(
      Vrbridge_Session_Event.with {
        $0.partOpened.deviceID = 1
        $0.partOpened.identity.serial = "LHR-12345"
      }, on: .events, at: time)
    try writer.write(Vrbridge_Session_Figures.with { $0.reports = 3 }, on: .figures(device: 1), at: time)
    try writer.write(
      Vrbridge_Session_ControlChange(control: 1, path: "input/a/click", value: 1, at: 5),
      on: .control(device: 1),
      at: time)
    try writer.write(Vrbridge_Session_Recorder(), on: .recorder, at: time)
    try writer.write(groundTruth: Self.state(0.1), device: 1)
    try writer.attach(
      Array("serial: LHR-12345".utf8), name: "vrbridge.yaml", mediaType: "application/yaml", at: time)
    try writer.finish()
  }

  @Test func pythonDecodesEveryMessageAndKnowsFoxglovesSchemas() async throws {
    let folder = try Places.temporaryFolder()
    try everything(folder + "/all.mcap")
    let result = try await Program.run(
      Places.python, [Places.root + "/Tests/Python/decode_session.py", folder + "/all.mcap"])
    #expect(result.code == 0, "\(result.errors)")
    let counts = Dictionary(
      uniqueKeysWithValues: result.output.split(separator: "\n").map { line in
        let words = line.split(separator: " ")
        return (String(words[0]), Int(words[2]) ?? 0)
      })
    #expect(counts["/devices/1/state"] == 30 && counts["/devices/1/pose"] == 3 && counts["/tf"] == 3)
    #expect(counts["/cameras/front-left/image"] == 1 && counts["/microphones/mic/audio"] == 1)
    #expect(counts.count == 14)
  }

  @Test func aRedactedSessionHoldsNothingOfWhatWasTakenOut() throws {
    let folder = try Places.temporaryFolder()
    try everything(folder + "/all.mcap")
    let result = try SessionRedaction(
      path: folder + "/all.mcap", drop: [.camera, .microphone], scrub: [.serials, .host]
    ).run(output: folder + "/red.mcap")
    #expect(result.serials == 1 && result.dropped["/cameras/front-left/image"] == 1)
    let summary = try SessionSummary(path: folder + "/red.mcap")
    #expect(!summary.topics.contains { $0.name.hasPrefix("/cameras") || $0.name.hasPrefix("/microphones") })
    #expect(summary.metadata.contains { $0.name == "redaction" && $0.values["serials_scrubbed"] == "1" })
    // Every byte of every record, uncompressed.
    var all: [UInt8] = []
    try MCAPScanner(InputFile(path: folder + "/red.mcap")).scan { event in
      switch event {
      case .message(let message, _): all += message.data
      case .attachment(let attachment): all += attachment.data
      case .metadata(let metadata): for (key, value) in metadata.values { all += Array((key + value).utf8) }
      default: break
      }
      return .goOn
    }
    let text = String(decoding: all, as: UTF8.self)
    #expect(!text.contains("LHR-12345") && !text.contains("secret") && text.contains("SCRUBBED"))
  }

  @Test func soundAndFoldersAreWrittenAsTheirFormatsSay() throws {
    let folder = try Places.temporaryFolder()
    let file = try WAVFile(path: folder + "/a.wav", sampleRate: 16_000, channels: 2)
    try file.append(Data([1, 0, 2, 0, 3, 0, 4, 0]))
    try file.finish()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/a.wav")))
    #expect(bytes.count == 52 && bytes[4] == 44 && bytes[40] == 8 && bytes[22] == 2 && bytes[32] == 4)

    let euroc = EuRoCFolder(root: folder + "/e")
    let pose = Pose(
      position: Vector3(0.01, -0.02, 0.03), orientation: Quaternion(rotationVector: Vector3(0.1, -2, 0.3)))
    let samples = (0..<50).map {
      EuRoCFolder.Sample(
        time: Int64($0) * 5_000_000 + 7, rate: Vector3(0.1, 1e-17, -1 / 3),
        force: Vector3(Double($0), 9.81, 0))
    }
    try euroc.write(samples: samples, deviceFromUnit: pose)
    let read = try euroc.samples()
    #expect(read.map(\.time) == samples.map(\.time) && read.map(\.rate) == samples.map(\.rate))
    let unit = try #require(euroc.deviceFromUnit())
    #expect(
      (unit.position - pose.position).length < 1e-9 && unit.orientation.angle(to: pose.orientation) < 1e-8)
    #expect(throws: EuRoCFolder.Fault.self) { try EuRoCFolder(root: folder).samples() }
    // A lens that nobody measured, and both kinds that the format has.
    try euroc.write(frames: [EuRoCFolder.Frame(time: 5, name: "5.png")], camera: 0, lens: nil)
    #expect(euroc.lens(camera: 0) == nil && euroc.lens(camera: 1) == nil)
    for distortion in [
      CameraModel.Distortion.none, .radialTangential(k1: -0.28, k2: 0.07, p1: 1e-4, p2: 1.7e-5, k3: 0),
      .radialTangential(k1: -0.28, k2: 0.07, p1: 1e-4, p2: 1.7e-5, k3: 0.5),
      .fisheye(k1: 0.1, k2: 0.02, k3: -0.003, k4: 0.0004),
    ] {
      var lens = CameraModel(
        width: 752, height: 480, focalX: 458.654, focalY: 457.296, centerX: 367.215, centerY: 248.375,
        distortion: distortion)
      lens.headFromCamera = pose
      try euroc.write(frames: [], camera: 0, lens: lens)
      var back = try #require(euroc.lens(camera: 0))
      #expect((back.headFromCamera.position - pose.position).length < 1e-8)
      #expect(back.headFromCamera.orientation.angle(to: pose.orientation) < 1e-7)
      back.headFromCamera = pose
      #expect(back == lens)
      // And as a session has it.
      let time = Timestamp(nanoseconds: 1)
      let calibration = CameraLens.calibration(lens, camera: "c", at: time)
      let mount = CameraLens.transform(pose, parent: "device-1", camera: "c", at: time)
      back = try #require(CameraLens.model(calibration, mount: mount))
      #expect(back.headFromCamera.orientation.angle(to: pose.orientation) < 1e-7)
      back.headFromCamera = pose
      #expect(back == lens)
    }
    // The dataset's own file (EuRoC MAV, MH_01_easy, cam0), with its matrix over several lines.
    try """
    sensor_type: camera
    comment: VI-Sensor cam0 (MT9M034)
    T_BS:
      cols: 4
      rows: 4
      data: [0.0148655429818, -0.999880929698, 0.00414029679422, -0.0216401454975,
             0.999557249008, 0.0149672133247, 0.025715529948, -0.064676986768,
            -0.0257744366974, 0.00375618835797, 0.999660727178, 0.00981073058949,
             0.0, 0.0, 0.0, 1.0]
    rate_hz: 20
    resolution: [752, 480]
    camera_model: pinhole
    intrinsics: [458.654, 457.296, 367.215, 248.375] #fu, fv, cu, cv
    distortion_model: radial-tangential
    distortion_coefficients: [-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05]

    """.write(toFile: folder + "/e/mav0/cam0/sensor.yaml", atomically: true, encoding: .utf8)
    let real = try #require(euroc.lens(camera: 0))
    #expect(real.focalX == 458.654 && abs(real.headFromCamera.position.y + 0.064676986768) < 1e-9)
    // What is no lens.
    for line in [
      "resolution: [0, 480]", "resolution: [nan, 1]", "intrinsics: [-1, 1, 1, 1]", "distortion_model: omni",
    ] {
      let text = try String(contentsOfFile: folder + "/e/mav0/cam0/sensor.yaml", encoding: .utf8)
      let key = String(line.split(separator: ":")[0])
      let changed = text.split(separator: "\n").map { $0.hasPrefix(key) ? Substring(line) : $0 }.joined(
        separator: "\n")
      let other = EuRoCFolder(root: folder + "/other")
      try other.write(frames: [], camera: 0, lens: nil)
      try changed.write(toFile: folder + "/other/mav0/cam0/sensor.yaml", atomically: true, encoding: .utf8)
      #expect(other.lens(camera: 0) == nil, "\(line)")
    }
    var strange = CameraLens.calibration(real, camera: "c", at: Timestamp(nanoseconds: 1))
    strange.k[0] = .nan
    #expect(CameraLens.model(strange, mount: nil) == nil)
  }
}
