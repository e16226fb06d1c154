import CLinux
import Glibc
import Sensing
import Spatial
import Synchronization

/// The server that SlimeVR trackers look for: shakes hands, keeps them awake, and gives each sensor of each tracker a
/// transport of its own, as if it were an interface.
///
/// One thread, bound to one address. A tracker is known by its hardware address; who is let in decides `admits`.
///
/// `@unchecked Sendable`: everything but the descriptors belongs to the thread that runs it.
public final class SlimeVRServer: @unchecked Sendable {
  public struct Callbacks: Sendable {
    /// Whether a tracker with this hardware address may send.
    public var admits: @Sendable (_ address: String) -> Bool
    /// A sensor came: its transport is to be read until it ends.
    public var attached: @Sendable (PipeTransport) -> Void
    /// A tracker asks to be let in and is not known.
    public var refused: @Sendable (SlimeVRHandshake) -> Void
    /// Signal strength by serial number, dBm.
    public var signal: @Sendable (_ serial: String, _ level: Int) -> Void
    /// A problem of a sensor by serial number, for display; nil after its end.
    public var sensor: @Sendable (_ serial: String, _ problem: String?) -> Void

    public init(
      admits: @escaping @Sendable (String) -> Bool, attached: @escaping @Sendable (PipeTransport) -> Void,
      refused: @escaping @Sendable (SlimeVRHandshake) -> Void,
      signal: @escaping @Sendable (String, Int) -> Void,
      sensor: @escaping @Sendable (String, String?) -> Void = { _, _ in }
    ) {
      self.admits = admits
      self.attached = attached
      self.refused = refused
      self.signal = signal
      self.sensor = sensor
    }
  }

  public static let standardPort: UInt16 = 6969
  private static let maximumTrackers = 128
  /// Each sensor holds two descriptors; the pose page has as many slots.
  private static let maximumSensors = 128
  private static let timeout: Int64 = 1_000_000_000
  private static let beat: Int64 = 500_000_000
  /// A rival that sends handshakes this long while the other tracker sends is no restart of it.
  private static let rivalTime: Int64 = 5_000_000_000
  /// Handshakes of unpaired trackers that are reported a second, and connections that begin a second. Anybody can
  /// send a handshake; two limits, so that unpaired trackers keep no paired one out.
  private static let handshakesPerSecond = 16

  private struct Tracker {
    var peer: sockaddr_in
    /// The hardware address; that of the host for a tracker without one.
    var address: String
    /// The address, with a number for a further tracker of the same address.
    var unit: String
    var name: String
    var lastNumber: UInt64 = 0
    var heard: Int64
    var beaten: Int64 = 0
    var sensors: [UInt8: ReportPipe] = [:]
    /// Problems that were reported, by sensor.
    var problems: [UInt8: String] = [:]
  }

  /// A peer with the address of a tracker that sends: that tracker after a restart, or another with the same address.
  private struct Rival {
    var handshake: SlimeVRHandshake
    /// The first handshake and the last.
    var since: Int64
    var heard: Int64
  }

  private let socket: Int32
  private let stopEvent = linux_eventfd()
  private let callbacks: Callbacks
  private var trackers: [UInt64: Tracker] = [:]
  private var rivals: [UInt64: Rival] = [:]
  private var refusals = HandshakeLimit(perSecond: SlimeVRServer.handshakesPerSecond)
  private var beginnings = HandshakeLimit(perSecond: SlimeVRServer.handshakesPerSecond)
  public let port: UInt16

  /// - Parameters:
  ///   - address: IPv4 address of the interface; `127.0.0.1` is this machine alone.
  ///   - port: 0 takes any.
  public init(address: String, port: UInt16, callbacks: Callbacks) throws(TransportError) {
    self.callbacks = callbacks
    var local = sockaddr_in()
    local.sin_family = sa_family_t(AF_INET)
    local.sin_port = port.bigEndian
    guard inet_pton(AF_INET, address, &local.sin_addr) == 1 else {
      throw TransportError("'\(address)' is no IPv4 address", code: EINVAL)
    }
    socket = Glibc.socket(
      AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard socket >= 0 else { throw TransportError("open a UDP socket", code: errno) }
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = socket
    let bound = withUnsafePointer(to: &local) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard bound == 0 else {
      let code = errno
      Glibc.close(socket)
      throw TransportError("listen on \(address):\(port)", code: code)
    }
    _ = withUnsafeMutablePointer(to: &local) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    self.port = UInt16(bigEndian: local.sin_port)
  }

  deinit {
    Glibc.close(socket)
    Glibc.close(stopEvent)
  }

  /// From any thread.
  public func stop() { linux_eventfd_signal(stopEvent) }

  /// The thread's body.
  public func run() {
    var descriptors = [
      pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      _ = poll(&descriptors, 2, 100)
      if descriptors[1].revents != 0 { break }
      // A flood must not keep the heart from beating.
      var budget = 256
      while budget > 0, receive() { budget -= 1 }
      tend()
    }
    for tracker in trackers.values { close(tracker) }
    trackers = [:]
  }

  private func receive() -> Bool {
    var peer = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 16) { buffer -> Bool in
      let count = withUnsafeMutablePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          recvfrom(socket, buffer.baseAddress, buffer.count, 0, $0, &size)
        }
      }
      guard count >= 0 else { return false }
      let now = linux_monotonic_ns()
      for entry in SlimeVRPacket.parse(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) {
        handle(entry, peer, now)
      }
      return true
    }
  }

  private static func key(_ peer: sockaddr_in) -> UInt64 {
    UInt64(peer.sin_addr.s_addr) << 16 | UInt64(peer.sin_port)
  }

  private func handle(_ entry: SlimeVRPacket.Numbered, _ peer: sockaddr_in, _ now: Int64) {
    let key = Self.key(peer)
    if case .handshake(let handshake) = entry.packet { return greet(handshake, peer, key, now) }
    // A tracker that sends more than handshakes has not restarted: another one has its address.
    if trackers[key] == nil, let rival = rivals[key], entry.packet.isOfASensor {
      admit(rival.handshake, peer, key, now, isRival: true)
    }
    guard var tracker = trackers[key] else { return }
    // Packets that were overtaken are old news; those of one bundle share their number.
    guard entry.number == 0 || entry.number >= tracker.lastNumber else { return }
    tracker.lastNumber = max(tracker.lastNumber, entry.number)
    tracker.heard = now
    switch entry.packet {
    case .heartbeat, .ping, .handshake: break
    case .features: send(SlimeVRPacket.toTracker(22, [0b11]), to: peer)
    case .sensorInfo(let sensor, let status):
      send(SlimeVRPacket.acknowledgement(sensor: sensor, status: status), to: peer)
      if status == 1 || status == 2 { attach(sensor, &tracker) }
      let problem = status == 1 ? nil : status == 2 ? "its IMU reports an error" : "its IMU is off"
      report(problem, of: sensor, &tracker)
    case .sensorError(let sensor, let code):
      if sensor != SlimeVRPacket.allSensors { attach(sensor, &tracker) }
      report("its IMU reports error \(code)", of: sensor, &tracker)
    case .signal(let sensor, let level):
      for number in tracker.sensors.keys where sensor == SlimeVRPacket.allSensors || sensor == number {
        callbacks.signal(Self.serial(tracker.unit, number), Int(level))
      }
    case .report(SlimeVRPacket.allSensors, let bytes):
      for pipe in tracker.sensors.values { _ = pipe.send(bytes, at: Timestamp(nanoseconds: now)) }
    case .report(let sensor, let bytes):
      attach(sensor, &tracker)
      // The decoder is behind only when it is stuck; then the newest report is worth nothing either.
      _ = tracker.sensors[sensor]?.send(bytes, at: Timestamp(nanoseconds: now))
    }
    trackers[key] = tracker
  }

  private func greet(_ handshake: SlimeVRHandshake, _ peer: sockaddr_in, _ key: UInt64, _ now: Int64) {
    var handshake = handshake
    if handshake.address.isEmpty { handshake.address = Self.name(peer) }
    let address = handshake.address
    // Another tracker sends from this port: what it sends must not count for the earlier one.
    if let earlier = trackers[key], earlier.address != address {
      // Anybody can send one such datagram in its name.
      guard beginnings.admits(now) else { return }
      close(earlier)
      trackers[key] = nil
    }
    guard callbacks.admits(address) else {
      if refusals.admits(now) { callbacks.refused(handshake) }
      return
    }
    guard trackers[key] == nil else { return welcome(key, peer, now) }
    // Anybody can send this address from another port. A tracker that has restarted sends handshakes until nothing has
    // arrived from the earlier port for the time limit, and then replaces it.
    let alive = trackers.values.filter { $0.address == address && now - $0.heard <= Self.timeout }
    guard alive.isEmpty else {
      // Another host is no further tracker of this address: it is an impostor, or the tracker after a move.
      guard alive.allSatisfy({ $0.peer.sin_addr.s_addr == peer.sin_addr.s_addr }) else { return }
      return wait(handshake, peer, key, now)
    }
    admit(handshake, peer, key, now, isRival: false)
  }

  /// Lets a tracker wait whose address another one has that sends.
  private func wait(_ handshake: SlimeVRHandshake, _ peer: sockaddr_in, _ key: UInt64, _ now: Int64) {
    guard var rival = rivals[key], rival.handshake.address == handshake.address else {
      if rivals.count >= Self.maximumTrackers {
        rivals = rivals.filter { now - $0.value.heard <= Self.timeout }
      }
      guard rivals.count < Self.maximumTrackers else { return }
      rivals[key] = Rival(handshake: handshake, since: now, heard: now)
      return
    }
    // Handshakes come each second; after a pause the wait begins anew.
    if now - rival.heard > 2 * Self.timeout { rival.since = now }
    rival.heard = now
    rivals[key] = rival
    if now - rival.since >= Self.rivalTime { admit(handshake, peer, key, now, isRival: true) }
  }

  /// - Parameter isRival: another tracker has the same address and sends.
  private func admit(
    _ handshake: SlimeVRHandshake, _ peer: sockaddr_in, _ key: UInt64, _ now: Int64, isRival: Bool
  ) {
    let address = handshake.address
    rivals[key] = nil
    guard callbacks.admits(address), beginnings.admits(now) else { return }
    if !isRival {
      // The silent connection of a tracker that has restarted.
      for (other, tracker) in trackers where tracker.address == address {
        close(tracker)
        trackers[other] = nil
      }
    }
    guard trackers.count < Self.maximumTrackers else { return }
    let name = handshake.firmware.isEmpty ? "SlimeVR tracker" : "SlimeVR tracker \(handshake.firmware)"
    let taken = Set(trackers.values.map(\.unit))
    let number = (1...).lazy.first { !taken.contains(Self.unit(address, $0)) } ?? 1
    trackers[key] = Tracker(
      peer: peer, address: address, unit: Self.unit(address, number), name: name, heard: now)
    welcome(key, peer, now)
  }

  private func welcome(_ key: UInt64, _ peer: sockaddr_in, _ now: Int64) {
    trackers[key]?.lastNumber = 0
    trackers[key]?.heard = now
    send(SlimeVRPacket.handshakeReply, to: peer)
  }

  /// The first tracker of an address is named by it, others add a number.
  private static func unit(_ address: String, _ number: Int) -> String {
    number == 1 ? address : "\(address)#\(number)"
  }

  /// Reports a problem of a sensor, or its end, once.
  private func report(_ problem: String?, of sensor: UInt8, _ tracker: inout Tracker) {
    let sensors = sensor == SlimeVRPacket.allSensors ? Array(tracker.sensors.keys) : [sensor]
    for number in sensors where tracker.sensors[number] != nil && tracker.problems[number] != problem {
      tracker.problems[number] = problem
      callbacks.sensor(Self.serial(tracker.unit, number), problem)
    }
  }

  /// The first sensor has the tracker's name as its serial number, the others add their own number.
  private static func serial(_ unit: String, _ sensor: UInt8) -> String {
    sensor == 0 ? unit : "\(unit)/\(sensor)"
  }

  private func attach(_ sensor: UInt8, _ tracker: inout Tracker) {
    guard tracker.sensors[sensor] == nil, sensor < SlimeVRPacket.maximumSensors,
      trackers.values.reduce(0, { $0 + $1.sensors.count }) < Self.maximumSensors
    else { return }
    let serial = Self.serial(tracker.unit, sensor)
    let identity = InterfaceIdentity(
      bus: .network, vendor: 0, product: 0, serial: serial,
      physicalPath: "udp-\(serial)/input0", name: tracker.name)
    guard
      let (reader, writer) = try? ReportPipe.make(
        identity: identity, descriptor: nil, responder: NoFeatures(), isPatient: false)
    else { return }
    tracker.sensors[sensor] = writer
    callbacks.attached(reader)
  }

  private func tend() {
    let now = linux_monotonic_ns()
    for (key, tracker) in trackers {
      let isDue = now - tracker.beaten > Self.beat
      // A pairing may be removed while its tracker sends.
      if now - tracker.heard > Self.timeout || isDue && !callbacks.admits(tracker.address) {
        close(tracker)
        trackers[key] = nil
      } else if isDue {
        trackers[key]?.beaten = now
        send(SlimeVRPacket.toTracker(1), to: tracker.peer)
        send(SlimeVRPacket.toTracker(10, [0, 0, 0, UInt8(truncatingIfNeeded: now >> 29)]), to: tracker.peer)
      }
    }
  }

  private func close(_ tracker: Tracker) { for pipe in tracker.sensors.values { pipe.finish() } }

  private func send(_ bytes: [UInt8], to peer: sockaddr_in) {
    var peer = peer
    _ = withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func name(_ peer: sockaddr_in) -> String {
    var address = peer.sin_addr
    var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
    inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Admits a number of events a second.
private struct HandshakeLimit {
  let perSecond: Int
  private var since: Int64 = 0
  private var count = 0

  init(perSecond: Int) { self.perSecond = perSecond }

  /// - Parameter now: CLOCK_MONOTONIC, ns.
  mutating func admits(_ now: Int64) -> Bool {
    if now - since > 1_000_000_000 { (since, count) = (now, 0) }
    count += 1
    return count <= perSecond
  }
}
