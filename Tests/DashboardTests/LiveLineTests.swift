import BridgeProtocol
import Foundation
import LiveState
import NIOCore
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import Testing

@testable import Dashboard

/// Lines have the protocol's messages in protobuf's JSON form: its own decoder reads them back.
struct LiveLineTests {
  /// Decodes the values of a line's key as messages.
  private func messages<Message: SwiftProtobuf.Message>(
    _ key: String, _ change: (inout LiveLine) -> Void
  ) throws -> [Message] {
    var line = LiveLine(time: 1)
    change(&line)
    let bytes = try LiveLineEncoder().encode(line)
    #expect(bytes.readableBytesView.last == UInt8(ascii: "\n"))
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(bytes.readableBytesView)) as? [String: Any])
    return try (object[key] as? [Any] ?? []).map { value in
      let value = (value as? [String: Any])?["figures"] ?? value
      return try Message(jsonUTF8Data: JSONSerialization.data(withJSONObject: value))
    }
  }

  private func device(_ number: UInt32) -> DeviceStatus {
    var device = DeviceStatus(
      id: DeviceID(number), family: "test", name: "Wörld \"headset\"/2", serial: "S", role: .leftHand,
      origin: .emulated, pageIndex: 3)
    device.isConnected = true
    device.isDegraded = true
    device.controls = Control.Kind.allCases.map { Control(path: "/input/\($0.name)", kind: $0) }
    device.battery = BatteryState(level: 0.3, isCharging: true)
    device.health.reports = UInt64.max
    device.health.gyroscopeBias = Vector3(1.0 / 3, 0, -0.5)
    device.health.opticalSamples = 12
    device.health.clockResidualMicroseconds = 0.1
    device.health.measurementConsistency = 1e-12
    device.state = .degraded
    device.reason = "silent"
    device.since = Timestamp(nanoseconds: 9_007_199_254_740_993)
    device.port = "usb-1"
    device.signal = -60
    device.hasHaptics = true
    return device
  }

  @Test func devicesAreTheProtocolsMessages() throws {
    let plain = DeviceStatus(id: DeviceID(2), family: "", name: "")
    let list = [device(1), plain]
    let read: [Vrbridge_V1_Device] = try messages("devices") { $0.devices = list.map { LiveDevice($0) } }
    #expect(read.map(\.deviceID) == [1, 2])
    // NaN differs from itself: unknown values are compared in the domain type.
    // Optical samples are in the metrics alone.
    var expected = list
    expected[0].health.opticalSamples = 0
    #expect(read.map(\.status) == expected)
  }

  @Test func posesAreTheProtocolsMessages() throws {
    var state = TrackedState(
      captured: Timestamp(nanoseconds: 123_456_789_012), received: Timestamp(nanoseconds: 123_456_789_999),
      worldFromDevice: Pose(
        position: Vector3(0.1, -2, 0), orientation: Quaternion(x: 0.1, y: 0.2, z: 0.3, w: 0.9).normalized),
      angularVelocity: Vector3(1e-9, 0, 3), linearVelocity: Vector3(0, 1, 0),
      flags: [.orientationValid, .exact])
    state.uncertainty.inclination = 0.01
    let known = device(1)
    let read: [Vrbridge_V1_Pose] = try messages("poses") { $0.poses = [LivePose(state, of: known)] }
    var expected = Vrbridge_V1_Pose(state, device: known.id, role: known.role)
    #expect(read.first?.sigmaHeading.isNaN == true && read.first?.sigmaPosition.isNaN == true)
    (expected.sigmaHeading, expected.sigmaPosition) = (0, 0)
    var first = try #require(read.first)
    (first.sigmaHeading, first.sigmaPosition) = (0, 0)
    #expect(first == expected)
  }

  @Test func metricsAreTheSessionsMessages() throws {
    let time = Timestamp(nanoseconds: 77)
    let known = device(5)
    let read: [Vrbridge_Session_Figures] = try messages("figures") {
      $0.figures = [LiveMetrics(known, at: time)]
    }
    let figures = try #require(read.first)
    #expect(
      figures.timeNs == 77 && figures.opticalSamples == 12 && figures.reports == UInt64.max
        && figures.biasX == 1.0 / 3)
    #expect(figures.driftAtRestDegMin.isNaN && figures.measurementConsistency == 1e-12)
  }

  @Test func annotationsAreTheProtocolsMessages() throws {
    let source = Annotation.Source(model: "m", version: "1", digest: "abc")
    var annotations = Annotation.Kind.allCases.enumerated().map { index, kind in
      Annotation(
        id: UInt64(index), kind: kind, label: "label \(index)", confidence: 0.7, source: source,
        captured: Timestamp(nanoseconds: 10), published: Timestamp(nanoseconds: 20))
    }
    annotations[0].region = Annotation.Region(
      camera: "front", width: 640, height: 480, x: 10.5, y: 20, sizeX: 30, sizeY: 40, rotation: 0.1,
      points: [SIMD2(1.1, 2.2), SIMD2(0, 3)])
    annotations[0].anchor = Annotation.Anchor(
      space: .world, origin: Vector3(0, 1.6, 0), direction: Vector3(0, 0, -1), distance: 0.5, size: 0.1)
    annotations[0].joints = [
      Annotation.Joint(
        pose: Pose(position: Vector3(0, 0.1, 0.2), orientation: .identity), radius: 0.01, isInferred: true)
    ]
    annotations[0].isRightHand = false
    annotations[0].strength = 0.5
    annotations[1].isRightHand = true
    annotations[1].isEnded = true
    annotations[1].supersededBy = 4
    annotations[4].textState = .final
    annotations[4].words = [
      Annotation.Word(
        text: "word", start: Timestamp(nanoseconds: 1), end: Timestamp(nanoseconds: 2), confidence: nil)
    ]
    annotations[5].anchor = Annotation.Anchor(
      space: .screen, origin: .zero, direction: Vector3(0, 0, -1))
    (annotations[6].waiting, annotations[6].preparing, annotations[6].inferring) = (0.1, 0.2, 0.3)
    let read: [Vrbridge_V1_Annotation] = try messages("annotations") { line in
      line.annotations = annotations.map { LiveAnnotation($0) }
    }
    #expect(read == annotations.map { Vrbridge_V1_Annotation($0) })
  }

  /// The page reads these values with `Number`, which accepts all of them.
  @Test func numbersThatJSONLacksAreStrings() throws {
    var line = LiveLine(time: 1)
    var status = ModelActivity(name: "m", version: "1")
    (status.medianLatency, status.highLatency) = (.nan, .infinity)
    line.models = [LiveLine.Model(status)]
    let text = String(buffer: try LiveLineEncoder().encode(line))
    #expect(text.contains("\"p50\":\"NaN\"") && text.contains("\"p95\":\"Infinity\""), "\(text)")
  }
}
