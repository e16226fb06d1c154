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
    try await withServer { port, _ in try await body(port) }
  }

  private func withServer(_ body: @Sendable @escaping (Int, VRPNHub) async throws -> Void) async throws {
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
    let server = try VRPNServer(settings, state: state, log: log)
    let group = ServiceGroup(services: [server], logger: log)
    let running = Task { try await group.run() }
    #expect(await eventually { (try? RawClient(port)) != nil })
    do { try await body(port, server.hub) } catch { Issue.record(error) }
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
      let start = try PeakMemory.reset()
      let pings = Array(repeatElement(Self.ping, count: 2000).joined())
      let sent = await client.flood(pings, limit: 16 << 20)
      let grown = try PeakMemory.growth(since: start)
      #expect(grown < 16 << 20, "\(grown >> 20) MiB after \(sent >> 20) MiB of pings")
    }
  }

  /// Sends datagrams that name a port, with time for the server to connect.
  private func request(_ target: Int, of port: Int, count: Int) async throws {
    let sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(sender) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = UInt16(port).bigEndian
    let text = Array("x \(target)".utf8)
    for _ in 0..<count {
      let sent = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(sender, text, text.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      #expect(sent == text.count)
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// A datagram with the server's own port would make it a client of itself, for ever.
  @Test func theServerIsNoClientOfItself() async throws {
    try await withServer { port, hub in
      try await request(port, of: port, count: 20)
      try await Task.sleep(for: .milliseconds(200))
      #expect(hub.clientCount == 0)
    }
  }

  @Test func datagramsCauseFewConnections() async throws {
    try await withServer { port, hub in
      let client = try ListeningClient()
      try await request(client.port, of: port, count: 20)
      try await Task.sleep(for: .milliseconds(200))
      #expect(client.accept() == VRPNConnector.maximumConnections)
      // Connections that ended leave room.
      client.closeAll()
      try await Task.sleep(for: .milliseconds(200))
      try await request(client.port, of: port, count: 1)
      try await Task.sleep(for: .milliseconds(200))
      #expect(client.accept() == 1)
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
      let start = try PeakMemory.reset()
      let name = String(repeating: "n", count: 60_000)
      for number in 0..<1000 {
        client.send(
          VRPNMessage.description(name, number: Int32(number + 10), kind: VRPNMessage.typeDescription))
      }
      client.send(Self.ping)
      let grown = try PeakMemory.growth(since: start)
      #expect(grown < 24 << 20, "\(grown >> 20) MiB")
    }
  }
}

/// A client that waits for the server's connections.
private final class ListeningClient {
  private let listener: Int32
  private var connections: [Int32] = []
  let port: Int

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    listener = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    func with(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
      withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
      }
    }
    let isBound = with { bind(descriptor, $0, length) } == 0 && listen(descriptor, 64) == 0
    let isNamed = with { getsockname(descriptor, $0, &length) } == 0
    port = Int(UInt16(bigEndian: address.sin_port))
    try #require(isBound && isNamed)
  }

  /// Accepts the waiting connections.
  ///
  /// - Returns: their number.
  func accept() -> Int {
    var count = 0
    while true {
      let connection = Glibc.accept(listener, nil, nil)
      guard connection >= 0 else { return count }
      connections.append(connection)
      count += 1
    }
  }

  func closeAll() {
    for connection in connections { close(connection) }
    connections = []
  }

  deinit {
    closeAll()
    close(listener)
  }
}
