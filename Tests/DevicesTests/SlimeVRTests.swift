import CLinux
import DeviceEmulation
import Foundation
import Glibc
import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing

@testable import Devices

struct SlimeVRTests {
  private func parse(_ bytes: [UInt8]) -> [SlimeVRPacket.Numbered] {
    bytes.withUnsafeBytes { SlimeVRPacket.parse($0) }
  }

  private static let header: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 9]

  @Test func packetsOfBothKindsOfBundlesAreTakenApart() {
    let rotation: [UInt8] = [1, 1] + [UInt8](repeating: 0x3f, count: 16) + [0]
    let alone = parse([0, 0, 0, 17] + Self.header + rotation)
    #expect(alone == [.init(number: 9, packet: .report(sensor: 1, bytes: [17] + rotation))])
    let bundle = parse(
      [0, 0, 0, 100] + Self.header + [0, UInt8(4 + rotation.count), 0, 0, 0, 17] + rotation)
    #expect(bundle == alone)
    // Compact: length and type in one byte each; what is not known is passed over.
    let half: [UInt8] = [1, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let compact = parse([0, 0, 0, 101] + Self.header + [2, 99, 1, UInt8(1 + half.count), 23] + half)
    #expect(compact == [.init(number: 9, packet: .report(sensor: 1, bytes: [23] + half))])
    #expect(
      parse([0, 0, 0, 19] + Self.header + [255, 0xc9]).map(\.packet) == [
        .signal(sensor: 255, decibelMilliwatts: -55)
      ])
  }

  @Test func handshakesOfOldFirmwareMayEndEarly() {
    let whole: [UInt8] =
      [0, 0, 0, 3] + [UInt8](repeating: 0, count: 8) + [0, 0, 0, 14] + [UInt8](repeating: 0, count: 20)
      + [0, 0, 0, 22, 3] + Array("0.5".utf8) + [0xaa, 0xbb, 0xcc, 1, 2, 3]
    guard case .handshake(let handshake)? = parse(whole).first?.packet else {
      Issue.record("no handshake")
      return
    }
    #expect(
      handshake.address == "aa:bb:cc:01:02:03" && handshake.firmware == "0.5"
        && handshake.protocolVersion == 22)
    for count in 12..<whole.count {
      guard case .handshake(let cut)? = parse(Array(whole.prefix(count))).first?.packet else {
        Issue.record("cut at \(count)")
        continue
      }
      #expect(cut.board == (count < 16 ? 0 : 14) && cut.address.isEmpty)
    }
  }

  @Test func anyBytesEndInAnAnswer() {
    var random = SeededRandom(seed: 3)
    for _ in 0..<20_000 {
      let count = Int(random.next() % 80)
      var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      if count > 3 {
        bytes.replaceSubrange(0..<4, with: [0, 0, 0, [3, 4, 17, 23, 100, 101][Int(random.next() % 6)]])
      }
      _ = parse(bytes)
    }
  }

  /// Anybody can send handshakes: their flood reaches the bridge at a bounded rate and keeps no paired tracker out.
  @Test func aFloodOfUnpairedHandshakesIsBoundedAndAdmitsAPairedTracker() throws {
    let refusals = Mutex(0)
    let server = try SlimeVRServer(
      address: "127.0.0.1", port: 0,
      callbacks: .init(
        admits: { $0 == "02:00:00:00:00:01" }, attached: { $0.close() },
        refused: { _ in refusals.withLock { $0 += 1 } }, signal: { _, _ in }))
    Thread { server.run() }.start()
    defer { server.stop() }
    var peer = sockaddr_in()
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_port = server.port.bigEndian
    peer.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let flood = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(flood) }
    let begin = Date()
    for number in 0..<2_000 {
      let handshake: [UInt8] =
        [0, 0, 0, 3] + [UInt8](repeating: 0, count: 36) + [
          0, 2, 0, 0, 0, UInt8(number >> 8 | 0x10), UInt8(number & 255),
        ]
      _ = withUnsafePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(flood, handshake, handshake.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      if number % 100 == 99 { usleep(5_000) }
    }
    let stop = linux_eventfd()
    defer { close(stop) }
    let tracker = try EmulatedSlimeVRTracker(
      address: "127.0.0.1", port: server.port, serial: "02:00:00:00:00:01", motion: .gesturing(), rate: 100)
    // At once, within the second whose handshakes are used up.
    #expect(try tracker.run(until: stop, seconds: 1, patience: 0.5))
    let seconds = Int(Date().timeIntervalSince(begin)) + 2
    #expect((1...16 * seconds).contains(refusals.withLock { $0 }))
  }

  /// The hardware address is a tracker's only identification, and anybody can send it.
  @Test func aHandshakeFromAnotherPortTakesNoLiveTrackerOver() throws {
    let transports = Mutex<[PipeTransport]>([])
    let server = try SlimeVRServer(
      address: "127.0.0.1", port: 0,
      callbacks: .init(
        admits: { _ in true }, attached: { transport in transports.withLock { $0.append(transport) } },
        refused: { _ in }, signal: { _, _ in }))
    Thread { server.run() }.start()
    defer { server.stop() }
    let tracker = RawSlimeVRTracker(port: server.port, address: "02:00:00:00:00:01")
    let other = RawSlimeVRTracker(port: server.port, address: "02:00:00:00:00:01")
    tracker.handshake()
    tracker.sensor(0)
    for _ in 0..<100 where transports.withLock({ $0.isEmpty }) { usleep(20_000) }
    let transport = try #require(transports.withLock { $0.first })
    for _ in 0..<30 {
      other.handshake()
      tracker.heartbeat()
      usleep(50_000)
    }
    #expect(!other.isWelcome && !Self.hasEnded(transport))
    // The tracker restarted: its earlier port is silent.
    var isAdmitted = false
    for _ in 0..<40 where !isAdmitted {
      other.handshake()
      usleep(100_000)
      isAdmitted = other.isWelcome
    }
    #expect(isAdmitted && Self.hasEnded(transport))
    transport.close()
  }

  @Test func aTrackerWhosePairingIsRemovedIsDisconnected() throws {
    let transports = Mutex<[PipeTransport]>([])
    let isPaired = Mutex(true)
    let server = try SlimeVRServer(
      address: "127.0.0.1", port: 0,
      callbacks: .init(
        admits: { _ in isPaired.withLock { $0 } },
        attached: { transport in transports.withLock { $0.append(transport) } }, refused: { _ in },
        signal: { _, _ in }))
    Thread { server.run() }.start()
    defer { server.stop() }
    let tracker = RawSlimeVRTracker(port: server.port, address: "02:00:00:00:00:01")
    tracker.handshake()
    for sensor in 0..<2 as Range<UInt8> { tracker.sensor(sensor) }
    for _ in 0..<100 where transports.withLock({ $0.count < 2 }) { usleep(20_000) }
    let sensors = transports.withLock { $0 }
    #expect(sensors.map(\.identity.serial) == ["02:00:00:00:00:01", "02:00:00:00:00:01/1"])
    for _ in 0..<30 {
      tracker.heartbeat()
      usleep(50_000)
    }
    #expect(sensors.allSatisfy { !Self.hasEnded($0) })
    isPaired.withLock { $0 = false }
    var hasEnded = false
    for _ in 0..<60 where !hasEnded {
      tracker.heartbeat()
      usleep(50_000)
      hasEnded = sensors.allSatisfy(Self.hasEnded)
    }
    #expect(hasEnded)
    for sensor in sensors { sensor.close() }
  }

  private static func hasEnded(_ transport: PipeTransport) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    defer { buffer.deallocate() }
    var received = Timestamp(nanoseconds: 0)
    while true {
      switch transport.read(into: buffer, received: &received) {
      case .report: continue
      case .nothing: return false
      case .ended: return true
      }
    }
  }

  /// A tracker and the server over loopback: handshake, acknowledgement, bundles, battery, and the end.
  @Test(arguments: [true, false])
  func aTrackerIsServedFromHandshakeToTimeout(_ isAdmitted: Bool) throws {
    let transports = Mutex<[PipeTransport]>([])
    let refusals = Mutex<Set<String>>([])
    let levels = Mutex<[Int]>([])
    let server = try SlimeVRServer(
      address: "127.0.0.1", port: 0,
      callbacks: .init(
        admits: { _ in isAdmitted }, attached: { transport in transports.withLock { $0.append(transport) } },
        refused: { handshake in refusals.withLock { _ = $0.insert(handshake.address) } },
        signal: { _, level in levels.withLock { $0.append(level) } }))
    let serverThread = Thread { server.run() }
    serverThread.start()
    let stop = linux_eventfd()
    defer { close(stop) }
    let motion = HeadMotion.gesturing()
    let tracker = try EmulatedSlimeVRTracker(
      address: "127.0.0.1", port: server.port, serial: "02:00:00:00:00:01", motion: motion, rate: 100)
    let isConnected = try tracker.run(until: stop, seconds: isAdmitted ? 1.5 : nil, patience: 0.6)
    guard isAdmitted else {
      #expect(!isConnected && refusals.withLock { $0 } == ["02:00:00:00:00:01"])
      #expect(transports.withLock { $0.isEmpty })
      server.stop()
      return
    }
    let transport = try #require(transports.withLock { $0.first })
    #expect(transports.withLock { $0.count } == 1)
    #expect(transport.identity.serial == "02:00:00:00:00:01")
    #expect(levels.withLock { $0.contains(-55) })

    let description = try TestPaths.description("slimevr")
    let decoder = try PartDecoder(part: description.parts[0], controls: description.controls)
    let batch = SampleBatch()
    var (orientations, isOver) = ([Quaternion](), false)
    var battery: BatteryState?
    var accelerations: [Vector3] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    defer { buffer.deallocate() }
    let end = Date().addingTimeInterval(4)
    while !isOver, Date() < end {
      var received = Timestamp(nanoseconds: 0)
      switch transport.read(into: buffer, received: &received) {
      case .report(let count):
        batch.begin()
        _ = try decoder.decode(
          UnsafeRawBufferPointer(rebasing: buffer[0..<count]), received: received, into: batch)
        if let orientation = batch.orientation { orientations.append(orientation.worldFromDevice) }
        if let level = batch.battery { battery = level }
        if let acceleration = batch.acceleration { accelerations.append(acceleration) }
      case .nothing: Thread.sleep(forTimeInterval: 0.02)
      // Nobody is heard for a second.
      case .ended: isOver = true
      }
    }
    transport.close()
    #expect(isOver && orientations.count > 80)
    #expect(battery?.level == 0.8)
    // Halves of sixteen bits: 1/32768 an element. The k-th rotation is that of k hundredths of a second.
    for (index, orientation) in orientations.enumerated() {
      let truth = motion.state(at: Double(index) / 100).worldFromDevice.orientation
      let dot = abs((truth.components * orientation.components).sum())
      #expect(dot > 1 - 1e-8, "rotation \(index)")
    }
    // Without gravity, 1/128 m/s² a step.
    #expect(accelerations.count == orientations.count)
    for (index, acceleration) in accelerations.enumerated() {
      let truth = motion.state(at: Double(index) / 100)
      let up = truth.worldFromDevice.orientation.conjugate.rotate(Vector3(0, standardGravity, 0))
      #expect((acceleration - (truth.specificForce - up)).length < 0.01, "acceleration \(index)")
    }
    server.stop()
  }
}
