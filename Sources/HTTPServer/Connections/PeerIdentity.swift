import Admission
import CLinux
import Glibc
import NIOCore

/// The party at the other end of an accepted connection.
///
/// It is looked up once, at accept: later the program may have closed its end, and the kernel lists such a socket as
/// root's.
enum PeerIdentity {
  /// The party, and for an unknown one the error (errno) of the look-up.
  typealias Result = (principal: Principal, problem: Int32?)

  /// Identifies the other end of a connection; on the channel's event loop.
  static func principal(of channel: any Channel) -> Result {
    if case .unixDomainSocket? = channel.localAddress { return unixPeer(of: channel) }
    guard let remote = channel.remoteAddress, let local = channel.localAddress else {
      return (.unknown, ENOTCONN)
    }
    return principal(remote: remote, local: local)
  }

  /// Identifies the program that holds the remote end of a TCP connection.
  static func principal(remote: SocketAddress, local: SocketAddress) -> Result {
    guard let from = end(remote), let to = end(local), from.bytes.count == to.bytes.count else {
      return (.unknown, EAFNOSUPPORT)
    }
    var user: UInt32 = 0
    let result = linux_tcp_owner(from.bytes, from.port, to.bytes, to.port, from.bytes.count, &user)
    if result == 0 { return (.user(user), nil) }
    // The kernel lists no socket of another machine.
    return isThisMachine(from.bytes, to.bytes) ? (.unknown, -result) : (.machine(prefix(from.bytes)), nil)
  }

  /// Identifies the machine that sent a datagram; the kernel names no user of a sender.
  static func sender(_ remote: SocketAddress, to local: SocketAddress?) -> Principal {
    guard let from = end(remote) else { return .unknown }
    let to = local.flatMap { end($0)?.bytes } ?? []
    return isThisMachine(from.bytes, to) ? .unknown : .machine(prefix(from.bytes))
  }

  /// The kernel stores the credentials of a Unix socket's client when it connects.
  private static func unixPeer(of channel: any Channel) -> Result {
    let user = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self
    ) { descriptor -> UInt32? in
      var (process, user, group) = (UInt32(0), UInt32(0), UInt32(0))
      return linux_peer_credentials(descriptor, &process, &user, &group) == 0 ? user : nil
    }
    return (user ?? nil).map { (.user($0), nil) } ?? (.unknown, ENOTCONN)
  }

  /// The address in network order, and the port.
  private static func end(_ address: SocketAddress) -> (bytes: [UInt8], port: UInt16)? {
    // Offset and size of the address in sockaddr_in and sockaddr_in6; the port is at the same offset in both.
    let (offset, size): (Int, Int)
    switch address {
    case .v4: (offset, size) = (4, 4)
    case .v6: (offset, size) = (8, 16)
    case .unixDomainSocket: return nil
    }
    return address.withSockAddr { pointer, length in
      let raw = UnsafeRawBufferPointer(start: pointer, count: length)
      guard raw.count >= offset + size else { return nil }
      return (Array(raw[offset..<(offset + size)]), UInt16(raw[2]) << 8 | UInt16(raw[3]))
    }
  }

  private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

  /// The address as four bytes where it is one of IPv4.
  private static func plain(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: mappedPrefix) ? Array(bytes.suffix(4)) : bytes
  }

  /// Whether a connection within this machine has these addresses: from a loopback address, or from the address that it
  /// goes to.
  private static func isThisMachine(_ remote: [UInt8], _ local: [UInt8]) -> Bool {
    let address = plain(remote)
    if address.count == 4 { return address[0] == 127 || address == plain(local) }
    return address == [UInt8](repeating: 0, count: 15) + [1] || remote == local
  }

  private static func prefix(_ remote: [UInt8]) -> [UInt8] {
    let address = plain(remote)
    return address.count == 4 ? address : Array(address.prefix(8))
  }
}
