import Bridge
import BridgeProtocol
import DeviceEmulation
import Devices
import Foundation
import Sensing
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

/// Devices that connect, disconnect, reconnect and have several interfaces.
@Suite(.serialized)
struct ReconnectTests {
  /// An emulated interface whose reports the test sends.
  private struct Fed {
    let device: EmulatedDevice
    let writer: ReportPipe
    var generator: EmulatedDevice.Generator
    private var time: Int64 = 5_000_000_000

    init(
      _ bridge: TestBridge, _ family: String, part: String, serial: String, phys: String,
      motion: HeadMotion = .still(), bias: Vector3 = .zero
    ) throws {
      var errors = InertialErrors.none
      errors.gyroscopeBias = bias
      device = try EmulatedDevice(
        try TestPaths.description(family),
        options: EmulatedDevice.Options(part: part, motion: motion, errors: errors, serial: serial))
      var identity = device.identity
      identity.physicalPath = phys
      identity.serial = serial
      identity.origin = .hardware
      let pipe = try ReportPipe.make(
        identity: identity, descriptor: device.descriptor, responder: device.responder)
      writer = pipe.writer
      generator = try device.generator()
      bridge.daemon.attach(device.match, pipe.reader)
    }

    mutating func feed(_ samples: Int) {
      for _ in 0..<samples {
        time += Int64(1e9 / device.sampleRate)
        for report in generator.next().reports { _ = writer.send(report, at: Timestamp(nanoseconds: time)) }
      }
    }
  }

  @Test func assignedRoleOutlivesTheBridge() async throws {
    let state = try TestPaths.temporaryFolder()
    func roles(_ assign: Bool) async throws -> [String: Vrbridge_V1_Role] {
      let bridge = try TestBridge { $0.stateFolder = state }
      // In either order of arrival.
      for (serial, port) in assign ? [("A", 1), ("B", 2)] : [("B", 2), ("A", 1)] {
        var fed = try Fed(
          bridge, "sony-dualsense", part: "usb", serial: serial, phys: "usb-1-\(port)/input3")
        fed.feed(50)
        await eventually {
          (try? await bridge.devices().contains { $0.serial == serial && $0.connected }) ?? false
        }
      }
      if assign {
        let first = try #require(try await bridge.devices().first { $0.serial == "A" })
        _ = try await bridge.connect().request(
          .setRole(
            .with {
              $0.deviceID = first.deviceID
              $0.role = .waist
            }))
        await eventually { (try? await bridge.devices().first { $0.serial == "A" }?.role == .waist) ?? false }
      }
      let result = try await bridge.devices().reduce(into: [:]) { $0[$1.serial] = $1.role }
      await bridge.stop()
      return result
    }
    let before = try await roles(true)
    #expect(before["A"] == .waist && before["B"] == .leftHand)
    // The other device has no assigned role: it takes the first free one.
    #expect(try await roles(false) == ["A": .waist, "B": .rightHand])
    // An unreadable list is renamed, and the bridge continues without it.
    try Data("{".utf8).write(to: URL(fileURLWithPath: state + "/roles.json"))
    #expect(try await roles(false)["A"] != .waist)
    #expect(FileManager.default.fileExists(atPath: state + "/roles.json.unreadable"))
  }

  @Test func reconnectedDeviceKeepsItsIdentityAndBias() async throws {
    let bridge = try TestBridge()
    let bias = Vector3(0.02, -0.01, 0.015)
    var first = try Fed(
      bridge, "oculus-dk2", part: "tracker", serial: "A", phys: "usb-1-1/input0", bias: bias)
    var other = try Fed(bridge, "oculus-dk2", part: "tracker", serial: "B", phys: "usb-1-2/input0")
    first.feed(6000)
    other.feed(100)
    try #require(
      await eventually { (try await bridge.devices().first { $0.serial == "A" }?.health.biasX ?? 0) > 0.015 })
    let before = try #require(try await bridge.devices().first { $0.serial == "A" })
    #expect(before.role == .head)
    first.writer.finish()
    try #require(
      await eventually { try await bridge.devices().first { $0.serial == "A" }?.connected == false })

    // On another port, after an unknown device on the old port.
    _ = try Fed(bridge, "oculus-dk2", part: "tracker", serial: "C", phys: "usb-1-1/input0")
    var again = try Fed(
      bridge, "oculus-dk2", part: "tracker", serial: "A", phys: "usb-1-7/input0", bias: bias)
    again.feed(200)
    try #require(
      await eventually { try await bridge.devices().first { $0.serial == "A" }?.connected == true })
    try #require(
      await eventually {
        (try await bridge.devices().first { $0.serial == "A" }?.health.reports ?? 0) >= 6200
      })
    let after = try #require(try await bridge.devices().first { $0.serial == "A" })
    #expect(
      after.deviceID == before.deviceID && after.role == before.role && after.pageSlot == before.pageSlot)
    // 200 samples are too few to estimate the bias: it was kept.
    #expect(abs(after.health.biasX - 0.02) < 0.002, "\(after.health.biasX)")
    #expect(try await bridge.devices().count == 3)
    await bridge.stop()
  }

  @Test func interfacesOfAHeadsetAndOfAWandAreOneDeviceEach() async throws {
    let bridge = try TestBridge()
    // The main board is another USB device on the same hub, and connects first.
    var board = try Fed(
      bridge, "htc-vive", part: "mainboard", serial: "", phys: "usb-0000:00:14.0-1.2.3/input0")
    var imu = try Fed(bridge, "htc-vive", part: "imu", serial: "LHR-1", phys: "usb-0000:00:14.0-1.2.1/input0")
    var wand = try Fed(
      bridge, "htc-vive-wand", part: "imu", serial: "LHR-2", phys: "usb-0000:00:14.0-3/input0")
    var buttons = try Fed(
      bridge, "htc-vive-wand", part: "buttons", serial: "LHR-2", phys: "usb-0000:00:14.0-3/input2")
    // A second wand of the same kind is another device.
    var second = try Fed(
      bridge, "htc-vive-wand", part: "imu", serial: "LHR-3", phys: "usb-0000:00:14.0-4/input0")
    try #require(await eventually { try await bridge.devices().count == 3 })
    imu.feed(100)
    board.feed(10)
    wand.feed(50)
    buttons.feed(20)
    second.feed(50)
    try #require(
      await eventually {
        let devices = try await bridge.devices()
        return devices.first { $0.serial == "LHR-1" }?.health.reports == 110
          && devices.first { $0.serial == "LHR-2" }?.health.reports == 70
      })
    let devices = try await bridge.devices()
    #expect(devices.map(\.role) == [.head, .rightHand, .leftHand])
    #expect(devices.allSatisfy { $0.health.decodeErrors == 0 })
    #expect(devices[1].hasHaptics_p && !devices[2].hasHaptics_p)
    await bridge.stop()
  }

  /// A recording of two interfaces: joined by their paths, and not held up by one without a device.
  @Test(arguments: [true, false])
  func recordingOfSeveralInterfacesPlaysToItsEnd(_ belongTogether: Bool) async throws {
    let path = try TestPaths.temporaryFolder() + "/two.hid.gz"
    let writer = try HIDRecordingWriter(path: path)
    let description = try TestPaths.description("htc-vive")
    let imu = try EmulatedDevice(description, options: EmulatedDevice.Options(part: "imu", serial: "LHR-9"))
    let board = try EmulatedDevice(
      description, options: EmulatedDevice.Options(part: "mainboard", serial: ""))
    var identities = [imu.identity, board.identity]
    identities[0].physicalPath = "usb-1-2.1/input0"
    identities[1].physicalPath = belongTogether ? "usb-1-2.3/input0" : "usb-1-7.3/input0"
    try writer.begin([(identities[0], imu.descriptorBytes), (identities[1], board.descriptorBytes)])
    for exchange in try imu.featureTranscript() { try writer.feature(exchange, interface: 0) }
    var (first, second) = (try imu.generator(), try board.generator())
    for index in 0..<3000 {
      let time = Timestamp(nanoseconds: Int64(index) * 1_000_000)
      for report in first.next().reports { try writer.report(report, interface: 0, at: time) }
      for report in second.next().reports { try writer.report(report, interface: 1, at: time) }
    }
    try writer.finish()
    let bridge = try TestBridge { $0.recorded = Setting(["\(path),speed=max"]) }
    let expected: UInt64 = belongTogether ? 6000 : 3000
    try #require(await eventually { try await bridge.devices().first?.health.reports == expected })
    try #require(await eventually { try await bridge.devices().first?.connected == false })
    let seconds = await bridge.stop()
    #expect(seconds < 1)
  }

  @Test func undecodableReportsAreCountedAndDegradeTheDeviceUntilItRecovers() async throws {
    let bridge = try TestBridge()
    var good = try Fed(bridge, "oculus-dk2", part: "tracker", serial: "A", phys: "usb-1-1/input0")
    good.feed(100)
    let connection = try await bridge.connect()
    try await connection.request(.subscribe(.with { $0.streams = [.devices] }))
    let bad: [[UInt8]] = [[0x0b], [0x0b, 1, 2, 3], [UInt8](repeating: 0x0b, count: 200)]
    for index in 0..<60 { _ = good.writer.send(bad[index % 3], at: Timestamp(nanoseconds: 6_000_000_000)) }
    var event = Vrbridge_V1_DeviceEvent()
    while event.kind != .changed || !event.device.degraded {
      event = try await connection.receive().deviceEvent
    }
    good.feed(300)
    while event.device.degraded { event = try await connection.receive().deviceEvent }
    let device = try #require(try await bridge.devices().first)
    #expect(device.connected && !device.degraded)
    #expect(device.health.decodeErrors == 60)
    await bridge.stop()
  }
}
