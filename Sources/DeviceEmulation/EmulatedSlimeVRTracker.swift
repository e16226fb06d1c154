import CLinux
import Devices
import Glibc
import Sensing
import Spatial

/// A SlimeVR tracker that is not there: it looks for its server, introduces itself and sends rotations.
public final class EmulatedSlimeVRTracker {
  private let socket: Int32
  private let motion: HeadMotion
  private let handshake: [UInt8]
  private var number: UInt64 = 0
  private let rate: Double
  /// Frames go out in bundles with half-precision rotations, once the server said that it can read them.
  private var usesBundles = false

  /// - Parameters:
  ///   - serial: six bytes in hexadecimal with colons; anything else becomes an address of its own.
  ///   - rate: rotations per second.
  public init(
    address: String, port: UInt16, serial: String, motion: HeadMotion, rate: Double = 100
  ) throws(TransportError) {
    self.motion = motion
    self.rate = rate
    socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw TransportError("open a UDP socket", code: errno) }
    var peer = sockaddr_in()
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_port = port.bigEndian
    let isAddress = inet_pton(AF_INET, address, &peer.sin_addr) == 1
    let descriptor = socket
    let result = withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard isAddress, result == 0 else {
      let code = isAddress ? errno : EINVAL
      Glibc.close(socket)
      throw TransportError("send to \(address):\(port)", code: code)
    }
    handshake = Self.handshake(serial)
  }

  deinit { Glibc.close(socket) }

  private static func handshake(_ serial: String) -> [UInt8] {
    let parts = serial.split(separator: ":").compactMap { UInt8($0, radix: 16) }
    // Locally administered, from the text.
    let hash = serial.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let address =
      parts.count == 6 ? parts : [0x02] + (0..<5).map { UInt8(truncatingIfNeeded: hash >> UInt64(8 * $0)) }
    let firmware = Array("0.5.0".utf8)
    // Type and number; board, IMU, MCU, three unused, protocol version; firmware; address; tracker type.
    return [0, 0, 0, 3] + [UInt8](repeating: 0, count: 8)
      + [14, 4, 2, 0, 0, 0, 22].flatMap { [0, 0, 0, UInt8($0)] } + [UInt8(firmware.count)] + firmware
      + address
      + [0]
  }

  /// - Returns: false when nobody answered within `patience` seconds.
  @discardableResult
  public func run(until stop: Int32, seconds: Double? = nil, patience: Double = .infinity) throws -> Bool {
    let timer = linux_timerfd()
    guard timer >= 0 else { throw TransportError("make a timer", code: -timer) }
    defer { Glibc.close(timer) }
    let start = linux_monotonic_ns()
    var isConnected = false
    var heard = start
    var asked: Int64 = 0
    var isAcknowledged = false
    var next = start
    while true {
      let now = linux_monotonic_ns()
      if let seconds, Double(now - start) * 1e-9 > seconds { return true }
      if !isConnected, Double(now - start) * 1e-9 > patience { return false }
      // The firmware gives up after three seconds without a word.
      if isConnected, now - heard > 3_000_000_000 { isConnected = false }
      if !isConnected || !isAcknowledged, now - asked > 250_000_000 {
        asked = now
        if !isConnected { transmit(handshake) } else { packet(15, [0, 1, 4, 0, 0, 1, 0, 0]) }
      }
      if isConnected, now >= next {
        let time = Double(next - start) * 1e-9
        let truth = motion.state(at: time)
        rotation(
          truth.worldFromDevice.orientation,
          acceleration: truth.specificForce
            - truth.worldFromDevice.orientation.conjugate.rotate(Vector3(0, standardGravity, 0)))
        next += Int64(1e9 / rate)
        if Int(time * rate) % Int(rate) == 0 {
          packet(12, bigEndian(Float(3.9)) + bigEndian(Float(0.8)))
          packet(19, [255, UInt8(bitPattern: -55)])
        }
      }
      linux_timerfd_set_at(timer, isConnected ? next : now + 50_000_000)
      var descriptors = [
        pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        pollfd(fd: timer, events: Int16(POLLIN), revents: 0),
        pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
      ]
      while poll(&descriptors, 3, -1) < 0, errno == EINTR {}
      if descriptors[2].revents != 0 { return true }
      guard descriptors[0].revents != 0 else { continue }
      var buffer = [UInt8](repeating: 0, count: 512)
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { continue }
      heard = linux_monotonic_ns()
      if buffer[0] == 3 {
        isConnected = true
        number = 0
        packet(22, [0b11])
      } else if count >= 6, buffer[3] == 15 {
        isAcknowledged = true
      } else if buffer[3] == 22, count >= 13 {
        usesBundles = buffer[12] & 0b10 != 0
      } else if buffer[3] == 10 {
        transmit(Array(buffer[0..<count]))
      } else if buffer[3] == 1 {
        packet(0, [])
      }
    }
  }

  /// The tracker's world has Z up: the inverse of what the description says.
  private func rotation(_ orientation: Quaternion, acceleration: Vector3) {
    let a = [acceleration.x, -acceleration.z, acceleration.y]
    let v = [orientation.x, -orientation.z, orientation.y, orientation.w]
    if usesBundles {
      func fixed(_ values: [Double], _ one: Double) -> [UInt8] {
        values.flatMap { bigEndian(Int16(max(-32767, min(32767, ($0 * one).rounded())))) }
      }
      let body = [23, 0] + fixed(v, 32768) + fixed(a, 128)
      packet(101, [UInt8(body.count)] + body)
    } else {
      packet(17, [0, 1] + v.flatMap { bigEndian(Float($0)) } + [0])
      packet(4, a.flatMap { bigEndian(Float($0)) } + [0])
    }
  }

  private func packet(_ type: UInt8, _ payload: [UInt8]) {
    number += 1
    transmit(
      [0, 0, 0, type] + (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) } + payload)
  }

  private func transmit(_ bytes: [UInt8]) { _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  private func bigEndian(_ value: Float) -> [UInt8] {
    withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }
  }
  private func bigEndian(_ value: Int16) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
