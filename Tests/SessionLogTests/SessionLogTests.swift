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
    for index in 0..<4 { state.predictedAngularVelocities[index] = Vector3(Double(index), seed, 0) }
    return state
  }

  @Test func encodedStateIsProtobuf() throws {
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

  /// Viewers get no position of a device that has none, instead of one at the origin.
  @Test func messagesForViewersHaveOnlyKnownPositions() {
    var state = Self.state(0.7)
    #expect(!SessionWriter.pose(state).pose.hasPosition && SessionWriter.pose(state).pose.hasOrientation)
    #expect(!SessionWriter.transform(state, device: 1).hasTranslation)
    state.flags.insert(.positionValid)
    #expect(SessionWriter.pose(state).pose.position.x == 0.7)
    #expect(SessionWriter.transform(state, device: 1).translation.x == 0.7)
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
    // The encoding of another writer: other lengths, other order, absent fields.
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

  /// Writes a session with every kind of message.
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

  @Test func pythonDecodesEveryMessageWithFoxglovesSchemas() async throws {
    let folder = try TestPaths.temporaryFolder()
    try everything(folder + "/all.mcap")
    let result = try await Program.run(
      TestPaths.python, [TestPaths.root + "/Tests/Python/decode_session.py", folder + "/all.mcap"])
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
}
