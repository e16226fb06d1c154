import Foundation
import Glibc
import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing

@testable import Devices

/// Trackers of old firmware, without a hardware address of their own, and with faults.
@Suite(.serialized)
struct SlimeVRPeerTests {
  /// A server that admits everybody, and what it reported.
  private final class Server: Sendable {
    let server: SlimeVRServer
    let transports = Mutex<[PipeTransport]>([])
    let problems = Mutex<[(serial: String, problem: String?)]>([])

    init(admits: @escaping @Sendable (String) -> Bool = { _ in true }) throws {
      let events = Events()
      server = try SlimeVRServer(
        address: "127.0.0.1", port: 0,
        callbacks: .init(
          admits: admits, attached: { events.server?.add($0) }, refused: { _ in }, signal: { _, _ in },
          sensor: { serial, problem in
            events.server?.problems.withLock { $0.append((serial, problem)) }
          }))
      events.set(self)
      let server = server
      Thread { server.run() }.start()
    }

    private final class Events: Sendable {
      private let value = Mutex<WeakServer>(WeakServer())
      var server: Server? { value.withLock { $0.server } }
      func set(_ server: Server) { value.withLock { $0.server = server } }
    }
    private struct WeakServer { weak var server: Server? }

    private func add(_ transport: PipeTransport) { transports.withLock { $0.append(transport) } }

    var serials: [String] { transports.withLock { $0.map(\.identity.serial) } }

    func wait(_ isDone: () -> Bool) -> Bool {
      // Some conditions hold once.
      for _ in 0..<200 {
        if isDone() { return true }
        usleep(20_000)
      }
      return false
    }

    func stop() {
      server.stop()
      for transport in transports.withLock({ $0 }) { transport.close() }
    }
  }

  private static func reports(_ transport: PipeTransport) -> (list: [[UInt8]], hasEnded: Bool) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    defer { buffer.deallocate() }
    var (list, received) = ([[UInt8]](), Timestamp(nanoseconds: 0))
    while true {
      switch transport.read(into: buffer, received: &received) {
      case .report(let count): list.append(Array(buffer[0..<count]))
      case .nothing: return (list, false)
      case .ended: return (list, true)
      }
    }
  }

  @Test func aHandshakeWithoutABodyIsAnswered() throws {
    let server = try Server()
    defer { server.stop() }
    let tracker = RawSlimeVRTracker(port: server.server.port, address: "")
    tracker.handshakeWithoutBody()
    #expect(server.wait { tracker.isWelcome })
    tracker.sensor(0)
    #expect(server.wait { server.serials == ["127.0.0.1"] })
  }

  /// Two trackers behind one network address, without a hardware address, or with the same one.
  @Test(arguments: ["00:00:00:00:00:00", "02:00:00:00:00:01"])
  func trackersOfOneAddressAreTwoDevices(_ address: String) throws {
    let server = try Server()
    defer { server.stop() }
    let trackers = (0..<2).map { _ in RawSlimeVRTracker(port: server.server.port, address: address) }
    let base = address.hasPrefix("00") ? "127.0.0.1" : address
    for (index, tracker) in trackers.enumerated() {
      tracker.handshake()
      tracker.sensor(0)
      let present = server.wait {
        // Silent trackers are lost after a second.
        for tracker in trackers[...index] { tracker.heartbeat() }
        return server.serials.count == index + 1
      }
      #expect(present)
    }
    #expect(server.serials == [base, base + "#2"])
    for _ in 0..<5 { for tracker in trackers { tracker.rotation(0) } }
    #expect(server.wait { server.transports.withLock { $0.count } == 2 })
    usleep(100_000)
    for transport in server.transports.withLock({ $0 }) {
      let (list, hasEnded) = Self.reports(transport)
      #expect(list.count == 5 && !hasEnded, "\(transport.identity.serial): \(list.count)")
    }
  }

  /// Real firmware sends nothing but handshakes until it is answered.
  @Test func aSecondTrackerThatKeepsAskingIsAdmitted() throws {
    let server = try Server()
    defer { server.stop() }
    let trackers = (0..<2).map { _ in
      RawSlimeVRTracker(port: server.server.port, address: "00:00:00:00:00:00")
    }
    trackers[0].handshake()
    trackers[0].sensor(0)
    #expect(server.wait { server.serials.count == 1 })
    var isWelcome = false
    for _ in 0..<80 where !isWelcome {
      trackers[1].handshake()
      trackers[0].heartbeat()
      usleep(100_000)
      isWelcome = trackers[1].isWelcome
    }
    #expect(isWelcome)
    trackers[1].sensor(0)
    #expect(server.wait { server.serials.count == 2 })
    #expect(server.serials.last == "127.0.0.1#2")
  }

  /// Another tracker has the address and port of an earlier one: it is another device, or nobody until it is paired.
  @Test(arguments: [true, false])
  func aNewHardwareAddressIsAnotherTracker(_ isPaired: Bool) throws {
    let server = try Server { $0 == "02:00:00:00:00:01" || isPaired }
    defer { server.stop() }
    let tracker = RawSlimeVRTracker(port: server.server.port, address: "02:00:00:00:00:01")
    tracker.handshake()
    tracker.rotation(0)
    #expect(server.wait { server.serials.count == 1 })
    let first = try #require(server.transports.withLock { $0.first })
    usleep(50_000)
    _ = Self.reports(first)
    tracker.handshake(as: "02:00:00:00:00:02")
    for _ in 0..<5 { tracker.rotation(0) }
    #expect(server.wait { Self.reports(first).hasEnded })
    usleep(200_000)
    #expect(server.serials == ["02:00:00:00:00:01"] + (isPaired ? ["02:00:00:00:00:02"] : []))
  }

  @Test func errorsOfAnIMUAreReportedOnceAndEnd() throws {
    let server = try Server()
    defer { server.stop() }
    let tracker = RawSlimeVRTracker(port: server.server.port, address: "02:00:00:00:00:01")
    tracker.handshake()
    for status: UInt8 in [2, 2, 1, 0] { tracker.sensor(1, status: status) }
    #expect(server.wait { server.problems.withLock { $0.count } >= 3 })
    usleep(100_000)
    let problems = server.problems.withLock { $0 }
    #expect(problems.map(\.serial) == [String](repeating: "02:00:00:00:00:01/1", count: 3))
    #expect(problems.map { $0.problem ?? "" } == ["its IMU reports an error", "", "its IMU is off"])
    #expect(server.serials == ["02:00:00:00:00:01/1"])
  }

  @Test func aBatteryLevelWithoutVoltageIsRead() throws {
    let server = try Server()
    defer { server.stop() }
    let tracker = RawSlimeVRTracker(port: server.server.port, address: "02:00:00:00:00:01")
    tracker.handshake()
    tracker.sensor(0)
    #expect(server.wait { server.serials.count == 1 })
    tracker.battery(level: 0.625)
    let transport = try #require(server.transports.withLock { $0.first })
    var newest: [UInt8]?
    _ = server.wait {
      newest = Self.reports(transport).list.last ?? newest
      return newest != nil
    }
    let report = try #require(newest)
    let description = try TestPaths.description("slimevr")
    let decoder = try PartDecoder(part: description.parts[0], controls: description.controls)
    let batch = SampleBatch()
    try report.withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    #expect(batch.battery?.level == 0.625)
  }
}
