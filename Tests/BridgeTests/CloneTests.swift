import Bridge
import BridgeProtocol
import Foundation
import Sensing
import TestSupport
import Testing

/// Recordings of clones in a whole bridge: each is a device that states what it lacks.
@Suite(.serialized)
struct CloneTests {
  private static let usb =
    "R: 30 05 01 09 05 a1 01 85 01 09 30 15 00 26 ff 00 75 08 95 3f 81 02 85 02 09 24 95 24 b1 02 c0"
  private static let bluetooth =
    "R: 38 05 01 09 05 a1 01 85 01 09 30 15 00 26 ff 00 75 08 95 09 81 02 85 11 09 31 95 4d 81 02 85 05 09 24 95 28 b1 02 c0"

  /// A recording of two seconds of a DualShock 4, lying flat.
  private static func recording(
    _ header: [String], report: (Int) -> [UInt8]
  ) throws -> String {
    let path = try TestPaths.temporaryFolder() + "/pad.hid"
    var lines = header
    for index in 0..<750 {
      let bytes = report(index).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
      let time = index * 4000
      let fraction = String(1_000_000 + time % 1_000_000).dropFirst()
      lines.append("E: \(time / 1_000_000).\(fraction) \(report(index).count) \(bytes)")
    }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  private static func usbReport(stamp: UInt16) -> [UInt8] {
    var report = [UInt8](repeating: 0, count: 64)
    (report[0], report[5], report[22]) = (1, 8, 0x20)
    (report[10], report[11]) = (UInt8(truncatingIfNeeded: stamp), UInt8(stamp >> 8))
    return report
  }

  private static func header(port: String, serial: String, interface: Int) -> [String] {
    [
      usb, "N: Wireless Controller", "P: usb-0000:00:14.0-\(port)/input\(interface)", "I: 3 054c 09cc",
      "# vrbridge serial \(serial)", "# vrbridge interface \(interface)",
    ]
  }

  private func bridge(_ files: [String]) throws -> TestBridge {
    try TestBridge { $0.recorded = Setting(files.map { $0 + ",speed=4,loop" }, from: "test") }
  }

  private func states(
    _ files: [String], _ isDone: @escaping @Sendable ([Vrbridge_V1_Device]) -> Bool
  ) async throws -> [Vrbridge_V1_Device] {
    let bridge = try bridge(files)
    let reached = try await eventually { isDone(try await bridge.devices()) }
    let devices = try await bridge.devices()
    #expect(reached, "\(devices.map { "\($0.state) \($0.stateReason)" })")
    await bridge.stop()
    return devices
  }

  @Test(arguments: ["00:11:22:33:44:55", "00:00:00:00:00:00"])
  func twoPadsWithOneSerialNumberAreTwoDevices(_ serial: String) async throws {
    let files = try ["1", "4"].map { port in
      try Self.recording(Self.header(port: port, serial: serial, interface: 0)) {
        Self.usbReport(stamp: UInt16(truncatingIfNeeded: $0 * 750))
      }
    }
    let devices = try await states(files) { $0.count(where: { $0.state == .streaming }) == 2 }
    #expect(Set(devices.map(\.role)) == [.leftHand, .rightHand])
  }

  @Test func twoPadsOfOnePortAreTwoDevices() async throws {
    let files = try ["A", "B"].map { serial in
      try Self.recording(Self.header(port: "1", serial: serial, interface: 3)) {
        Self.usbReport(stamp: UInt16(truncatingIfNeeded: $0 * 750))
      }
    }
    _ = try await states(files) { $0.count(where: { $0.state == .streaming }) == 2 }
  }

  @Test func aPadWithoutAClockStatesIt() async throws {
    let file = try Self.recording(Self.header(port: "1", serial: "A", interface: 3)) { _ in
      Self.usbReport(stamp: 0)
    }
    let devices = try await states([file]) { $0.contains { $0.state == .degraded } }
    #expect(
      devices.first?.stateReason.contains("its clock does not advance; times are those of arrival") == true)
  }

  @Test(arguments: [true, false])
  func aPadThatHasOnlyItsSimpleModeStatesIt(_ isShort: Bool) async throws {
    let header = [
      Self.bluetooth, "N: Wireless Controller", "P: aa:bb:cc:00:00:01", "I: 5 054c 09cc",
      "# vrbridge serial A",
    ]
    let file = try Self.recording(header) { index in
      if isShort { return [1, 0x80, 0x80, 0x80, 0x80, 8, 0, 0, 0, 0] }
      var report = [UInt8](repeating: 0, count: 78)
      (report[0], report[1], report[7], report[24]) = (0x11, 0xc0, 8, 0x20)
      let stamp = UInt16(truncatingIfNeeded: index * 750)
      (report[12], report[13]) = (UInt8(truncatingIfNeeded: stamp), UInt8(stamp >> 8))
      return report
    }
    let devices = try await states([file]) {
      $0.contains {
        $0.state == .degraded && $0.stateReason.contains(isShort ? "no motion" : "no valid checksum")
      }
    }
    #expect(devices.count == 1)
  }
}
