import Glibc

/// Sends single packets of SlimeVR's protocol to a server on the loopback, from a port of its own.
public final class RawSlimeVRTracker: Sendable {
  private let descriptor: Int32
  private let address: [UInt8]

  /// - Parameters:
  ///   - port: the server's.
  ///   - address: six bytes in hexadecimal with colons.
  public init(port: UInt16, address: String) {
    self.address = address.split(separator: ":").compactMap { UInt8($0, radix: 16) }
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var peer = sockaddr_in()
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_port = port.bigEndian
    peer.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let descriptor = descriptor
    _ = withUnsafePointer(to: &peer) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  deinit { close(descriptor) }

  /// Board, IMU, processor and versions are 0, the firmware's name is empty.
  public func handshake() { send(3, [UInt8](repeating: 0, count: 28) + [0] + address) }

  /// As another tracker that has the same port.
  public func handshake(as address: String) {
    send(
      3,
      [UInt8](repeating: 0, count: 28) + [0]
        + address.split(separator: ":").compactMap { UInt8($0, radix: 16) })
  }

  /// As the oldest firmware sends it.
  public func handshakeWithoutBody() { send(3, []) }

  public func heartbeat() { send(0, []) }

  /// - Parameter status: 1 for a ready sensor, 2 for an error.
  public func sensor(_ number: UInt8, status: UInt8 = 1) { send(15, [number, status, 4, 0, 0, 1, 0, 0]) }

  /// The level alone, as old firmware sends it; 0 to 1.
  public func battery(level: Float) {
    let bits = level.bitPattern
    send(12, [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) })
  }

  /// No rotation.
  public func rotation(_ sensor: UInt8) {
    send(17, [sensor, 1] + [UInt8](repeating: 0, count: 12) + [0x3f, 0x80, 0, 0, 0])
  }

  /// Whether a reply to a handshake came since the last call.
  public var isWelcome: Bool {
    var (buffer, found) = ([UInt8](repeating: 0, count: 512), false)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      guard count > 0 else { return found }
      if buffer[0] == 3 { found = true }
    }
  }

  private func send(_ type: UInt8, _ payload: [UInt8]) {
    let bytes = [0, 0, 0, type] + [UInt8](repeating: 0, count: 8) + payload
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
