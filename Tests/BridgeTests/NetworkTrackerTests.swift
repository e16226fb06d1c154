import Bridge
import BridgeProtocol
import CLinux
import DeviceEmulation
import Foundation
import Glibc
import Sensing
import SwiftProtobuf
import TestSupport
import Testing

/// Network trackers of a whole bridge: unpaired ones take nothing from paired ones.
@Suite(.serialized)
struct NetworkTrackerTests {
  private static let paired = "02:00:00:00:00:aa"

  /// A UDP port that is free now.
  private static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
      }
    }
    try #require(result == 0)
    return UInt16(bigEndian: address.sin_port)
  }

  private static func tracker(_ serial: String, _ port: UInt16) throws -> EmulatedSlimeVRTracker {
    try EmulatedSlimeVRTracker(
      address: "127.0.0.1", port: port, serial: serial, motion: .lookingAround(), rate: 50)
  }

  /// A bridge that listens for trackers; one of them is paired.
  private func bridge(port: UInt16) throws -> TestBridge {
    try TestBridge { configuration in
      var listener = TrackerListener()
      listener.port = port
      configuration.slimeVR = Setting(listener, from: "test")
      try? PairingStore(folder: configuration.stateFolder).add(
        .init(family: "slimevr", address: Self.paired, name: "tracker", since: "2026-12-01T00:00:00Z"))
    }
  }

  @Test func eightUnpairedTrackersDoNotMoveThePairedTrackersRole() async throws {
    let port = try Self.freePort()
    let bridge = try bridge(port: port)
    // Again until the bridge listens.
    try #require(
      try await eventually {
        try await onThread {
          for number in 1...8 {
            let stop = linux_eventfd()
            defer { close(stop) }
            _ = try Self.tracker("02:00:00:00:00:0\(number)", port).run(until: stop, patience: 0.06)
          }
        }
        return try await bridge.devices().count { $0.state == .blocked } == 8
      })
    #expect(try await bridge.devices().allSatisfy { $0.role == .none })
    let stop = linux_eventfd()
    let running = Task { try await onThread { try Self.tracker(Self.paired, port).run(until: stop) } }
    try #require(
      try await eventually {
        try await bridge.devices().contains { $0.serial == Self.paired && $0.state == .streaming }
      })
    let device = try #require(try await bridge.devices().first { $0.serial == Self.paired })
    #expect(device.role == .waist)
    linux_eventfd_signal(stop)
    _ = try await running.value
    close(stop)
    await bridge.stop()
  }

  @Test func aTrackerThatIsPairedGetsItsRoleAndLeavesNoEntryBehind() async throws {
    let port = try Self.freePort()
    let bridge = try bridge(port: port)
    let stop = linux_eventfd()
    let serial = "02:00:00:00:00:bb"
    let running = Task { try await onThread { try Self.tracker(serial, port).run(until: stop) } }
    try #require(
      try await eventually { try await bridge.devices().contains { $0.state == .blocked } })
    let waiting = try #require(try await bridge.devices().first)
    // A role that is assigned before the device is accepted is not given to it.
    _ = try? await bridge.connect().request(
      .setRole(
        .with {
          $0.deviceID = waiting.deviceID
          $0.role = .chest
        }))
    #expect(try await bridge.devices().map(\.role) == [.none])
    try PairingStore(folder: bridge.stateFolder).add(
      .init(family: "slimevr", address: serial, name: "tracker", since: "2026-12-01T00:00:00Z"))
    try #require(
      try await eventually { try await bridge.devices().contains { $0.state == .streaming } })
    let devices = try await bridge.devices()
    #expect(devices.map(\.serial) == [serial] && devices.map(\.role) == [.waist])
    linux_eventfd_signal(stop)
    _ = try await running.value
    close(stop)
    await bridge.stop()
  }

  /// `vrbridge unpair` of a tracker that sends: all of its sensors leave the list.
  @Test func aTrackerWhosePairingIsRemovedLeavesNoSensorBehind() async throws {
    let port = try Self.freePort()
    let bridge = try bridge(port: port)
    let running = Task {
      let tracker = RawSlimeVRTracker(port: port, address: Self.paired)
      for round in 0... {
        try await Task.sleep(nanoseconds: 20_000_000)
        if round % 25 == 0 { tracker.handshake() }
        for sensor in 0..<2 as Range<UInt8> {
          if round % 25 == 1 { tracker.sensor(sensor) }
          tracker.rotation(sensor)
        }
      }
    }
    let serials = [Self.paired, Self.paired + "/1"]
    let hasStreamed = try await eventually {
      let devices = try await bridge.devices()
      return devices.map(\.serial).sorted() == serials && devices.allSatisfy { $0.state == .streaming }
    }
    #expect(hasStreamed)
    #expect(try PairingStore(folder: bridge.stateFolder).remove(address: Self.paired).count == 1)
    let isUnpaired = try await eventually {
      let devices = try await bridge.devices()
      return devices.map(\.serial) == [Self.paired] && devices.map(\.state) == [.blocked]
        && devices.map(\.role) == [.none]
    }
    #expect(isUnpaired)
    running.cancel()
    await bridge.stop()
  }
}
