import Foundation
import Glibc
import Logging
import Sensing
import ServiceLifecycle
import Spatial
import TestSupport
import Testing

@testable import Interop

/// Clients of VRPN that send without reading.
@Suite(.serialized)
struct VRPNFloodTests {
  private func withServer(_ body: @Sendable @escaping (Int) async throws -> Void) async throws {
    let state = FakeBridgeState { contents in
      for number in 1...20 {
        var device = DeviceStatus(
          id: DeviceID(UInt32(number)), family: "test", name: "Tracker", serial: "T\(number)", role: .none)
        device.isConnected = true
        contents.devices.append(device)
        contents.states[device.id] = TrackedState(
          captured: contents.now, received: contents.now, worldFromDevice: Pose(),
          flags: [.orientationValid])
      }
    }
    let port = Int.random(in: 20_000...29_000)
    var settings = VRPNSettings()
    settings.address = "127.0.0.1:\(port)"
    var log = Logger(label: "test")
    log.logLevel = .critical
    let group = ServiceGroup(services: [try VRPNServer(settings, state: state, log: log)], logger: log)
    let running = Task { try await group.run() }
    #expect(await eventually { (try? RawClient(port)) != nil })
    do { try await body(port) } catch { Issue.record(error) }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  private static let pingKind: Int32 = 3
  private static let ping = VRPNMessage.frame([], sender: 0, kind: pingKind, time: 0)

  private func client(_ port: Int) async throws -> RawClient {
    let client = try RawClient(port)
    client.send(
      VRPNMessage.cookie
        + VRPNMessage.description(
          VRPNMessage.Kind.ping.name, number: Self.pingKind, kind: VRPNMessage.typeDescription))
    // The name of the last sender: all are described.
    let text = await client.read(until: "device-20")
    #expect(text.contains("device-20"))
    return client
  }

  @Test func aFloodOfPingsThatIsNotReadCostsNoMemory() async throws {
    try await withServer { port in
      let client = try await client(port)
      let before = RawClient.residentBytes
      let pings = Array(repeatElement(Self.ping, count: 2000).joined())
      let sent = await client.flood(pings, limit: 16 << 20)
      let grown = RawClient.residentBytes - before
      #expect(grown < 16 << 20, "\(grown >> 20) MiB after \(sent >> 20) MiB of pings")
    }
  }

  @Test func aPingIsAnsweredByEverySender() async throws {
    try await withServer { port in
      let client = try await client(port)
      // Pongs follow the descriptions; each has a header of 24 bytes and no body.
      client.send(Self.ping)
      client.send(Self.ping)
      let kind = String(decoding: [0, 0, 0, UInt8(VRPNMessage.Kind.pong.rawValue)] as [UInt8], as: UTF8.self)
      #expect(await client.read(until: kind).contains(kind))
    }
  }

  /// Names of types are not kept: a thousand long ones for each client were 64 MB.
  @Test func namesOfTypesCostNoMemory() async throws {
    try await withServer { port in
      let client = try await client(port)
      let before = RawClient.residentBytes
      let name = String(repeating: "n", count: 60_000)
      for number in 0..<1000 {
        client.send(
          VRPNMessage.description(name, number: Int32(number + 10), kind: VRPNMessage.typeDescription))
      }
      client.send(Self.ping)
      #expect(RawClient.residentBytes - before < 24 << 20)
    }
  }
}
