import Foundation
import Logging
import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing

@testable import Interop

struct PoseSenderTests {
  private func bridge() -> FakeBridgeState {
    FakeBridgeState { contents in
      var head = DeviceStatus(id: DeviceID(1), family: "test", name: "Headset", serial: "H1", role: .head)
      head.isConnected = true
      var foot = DeviceStatus(id: DeviceID(2), family: "test", name: "Tracker", serial: "T1", role: .leftFoot)
      foot.isConnected = true
      let lost = DeviceStatus(id: DeviceID(3), family: "test", name: "Lost", serial: "L1", role: .waist)
      contents.devices = [head, foot, lost]
      for device in contents.devices {
        contents.states[device.id] = TrackedState(
          captured: contents.now, received: contents.now,
          worldFromDevice: Pose(position: Vector3(0.1, 1.5, -0.2), orientation: .identity),
          flags: [.orientationValid, .positionValid])
      }
    }
  }

  private func datagram(_ format: PoseSender.Format, _ bridge: FakeBridgeState) throws -> [UInt8] {
    var settings = PoseSenderSettings(format)
    settings.target = "127.0.0.1:9"
    return try PoseSender(settings, state: bridge, log: Logger(label: "test")).datagram(seconds: 1)
  }

  @Test func opentrackGetsTheHeadInCentimetres() throws {
    let bytes = try datagram(.opentrack, bridge())
    let values = bytes.withUnsafeBytes { bytes in
      (0..<6).map {
        Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
      }
    }
    #expect(zip(values, [10, 150, 20, 0, 0, 0]).allSatisfy { abs($0 - $1) < 1e-9 }, "\(values)")
  }

  @Test func vrchatAndVMCGetConnectedDevicesOnly() throws {
    let vrchat = String(decoding: try datagram(.vrchat, bridge()), as: UTF8.self)
    #expect(
      vrchat.contains("/tracking/trackers/head/position") && vrchat.contains("/tracking/trackers/3/rotation"))
    #expect(!vrchat.contains("/tracking/trackers/1/"))
    let vmc = String(decoding: try datagram(.vmc, bridge()), as: UTF8.self)
    #expect(
      vmc.contains("/VMC/Ext/Hmd/Pos") && vmc.contains("H1") && vmc.contains("T1") && !vmc.contains("L1"))
  }

  @Test func withoutTrackedDevicesNothingIsSent() throws {
    let empty = FakeBridgeState()
    #expect(try datagram(.opentrack, empty).isEmpty && datagram(.vrchat, empty).isEmpty)
    // VMC reports that nothing is tracked.
    #expect(try !datagram(.vmc, empty).isEmpty)
  }

  /// A foot without external poses has an orientation only: no output sends it at the origin, and the log names it once.
  @Test func positionsThatAreNotTrackedAreNotSent() throws {
    let bridge = bridge()
    bridge.change { contents in
      contents.states[DeviceID(2)]?.worldFromDevice.position = .zero
      contents.states[DeviceID(2)]?.flags = [.orientationValid, .orientationTracked]
    }
    let lines = LogLines()
    func text(_ format: PoseSender.Format) throws -> String {
      var settings = PoseSenderSettings(format)
      settings.target = "127.0.0.1:9"
      let sender = try PoseSender(settings, state: bridge, log: lines.logger)
      _ = sender.datagram(seconds: 1)
      return String(decoding: sender.datagram(seconds: 2), as: UTF8.self)
    }
    let vrchat = try text(.vrchat)
    #expect(vrchat.contains("/tracking/trackers/3/rotation") && !vrchat.contains("/trackers/3/position"))
    #expect(vrchat.contains("/tracking/trackers/head/position"))
    #expect(lines.all.count == 1 && lines.all.first?.contains("vrchat") == true, "\(lines.all)")
    let vmc = try text(.vmc)
    #expect(vmc.contains("H1") && !vmc.contains("T1") && !vmc.contains("/Tra/"))
    #expect(lines.all.count == 2 && lines.all.last?.contains("vmc") == true, "\(lines.all)")
  }

  @Test func invalidTargetsHaveACode() {
    var settings = PoseSenderSettings(.vmc)
    settings.target = "nowhere"
    let error = #expect(throws: InteropError.self) {
      try PoseSender(settings, state: FakeBridgeState(), log: Logger(label: "test"))
    }
    #expect(error?.code == "interop-address-invalid")
  }
}

/// Lines of a logger.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }
  var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      lines.lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
  }
}

struct VRPNServerTests {
  /// The protocol cannot mark a position as unknown; `orientation_only` sends such devices at the origin.
  @Test func posesWithoutAPositionAreNotSent() throws {
    let lines = LogLines()
    let device = DeviceStatus(id: DeviceID(1), family: "test", name: "Tracker", serial: "T1", role: .chest)
    var state = TrackedState(
      captured: Timestamp(nanoseconds: 1), received: Timestamp(nanoseconds: 1), flags: [.orientationValid])
    var settings = VRPNSettings()
    let server = try VRPNServer(settings, state: FakeBridgeState(), log: lines.logger)
    #expect(!server.sends(state, of: device) && !server.sends(state, of: device))
    #expect(lines.all.count == 1 && lines.all.first?.contains("T1") == true, "\(lines.all)")
    settings.sendsOrientationOnly = true
    #expect(
      try VRPNServer(settings, state: FakeBridgeState(), log: lines.logger).sends(state, of: device))
    state.flags.insert(.positionValid)
    #expect(server.sends(state, of: device))
    state.flags = []
    #expect(!server.sends(state, of: device))
  }

  @Test func sendersAreNamedByRoleOrNumber() {
    func device(_ number: UInt32, _ role: DeviceRole, _ isConnected: Bool) -> DeviceStatus {
      var device = DeviceStatus(id: DeviceID(number), family: "test", name: "Device", role: role)
      device.isConnected = isConnected
      return device
    }
    let names = VRPNServer.names([
      device(1, .head, false), device(2, .head, true), device(3, .none, true), device(4, .leftHand, true),
    ])
    #expect(
      names.mapValues { $0 } == [
        DeviceID(1): "device-1", DeviceID(2): "head", DeviceID(3): "device-3", DeviceID(4): "left_hand",
      ])
  }

  @Test func otherMachinesNeedOpen() {
    var settings = VRPNSettings()
    settings.address = "0.0.0.0:3883"
    let error = #expect(throws: InteropError.self) {
      try VRPNServer(settings, state: FakeBridgeState(), log: Logger(label: "test"))
    }
    #expect(error?.code == "interop-address-exposed" && error?.description.contains("open: true") == true)
    settings.isOpen = true
    #expect(throws: Never.self) {
      try VRPNServer(settings, state: FakeBridgeState(), log: Logger(label: "test"))
    }
  }
}
