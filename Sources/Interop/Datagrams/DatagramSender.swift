import Foundation
import Glibc

/// Sends UDP datagrams to one address. Policy: `dropNewest`; a datagram that the kernel refuses is lost, as on any network.
final class DatagramSender: Sendable {
  private let descriptor: Int32

  /// - Parameter target: `HOST:PORT`.
  /// - Throws: `InteropError` for an address that is invalid or unknown.
  init(target: String) throws(InteropError) {
    guard let colon = target.lastIndex(of: ":"), UInt16(target[target.index(after: colon)...]) != nil else {
      throw InteropError(.address, "the target '\(target)' is not HOST:PORT")
    }
    var host = String(target[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, String(target[target.index(after: colon)...]), &hints, &list)
    defer { freeaddrinfo(list) }
    guard result == 0, let first = list?.pointee else {
      throw InteropError(
        .address, "the target '\(target)' can't be resolved: \(String(cString: gai_strerror(result)))")
    }
    descriptor = socket(
      first.ai_family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0, connect(descriptor, first.ai_addr, first.ai_addrlen) == 0 else {
      throw InteropError(
        .unavailable, "datagrams can't be sent to '\(target)': \(String(cString: strerror(errno)))")
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func send(_ bytes: [UInt8]) {
    // ECONNREFUSED reports an earlier datagram that no program received; a later one may arrive.
    _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}
