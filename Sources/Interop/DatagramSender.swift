import Foundation
import Glibc

/// Sends datagrams to one place; what can't be sent is let go, as with UDP anyway.
final class DatagramSender: Sendable {
  private let descriptor: Int32

  /// - Parameter target: `HOST:PORT`.
  /// - Throws: `InteropFault` when there is no such place.
  init(target: String) throws(InteropFault) {
    guard let colon = target.lastIndex(of: ":"), UInt16(target[target.index(after: colon)...]) != nil else {
      throw InteropFault("'\(target)' is not HOST:PORT")
    }
    var host = String(target[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, String(target[target.index(after: colon)...]), &hints, &list)
    defer { freeaddrinfo(list) }
    guard result == 0, let first = list?.pointee else {
      throw InteropFault("the address '\(target)' is not known: \(String(cString: gai_strerror(result)))")
    }
    descriptor = socket(
      first.ai_family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0, connect(descriptor, first.ai_addr, first.ai_addrlen) == 0 else {
      throw InteropFault("nothing can be sent to '\(target)': \(String(cString: strerror(errno)))")
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func send(_ bytes: [UInt8]) {
    // Nobody listens there yet: ECONNREFUSED of an earlier datagram. The next may arrive.
    _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
}

/// Why another tool is not served, in a sentence.
public struct InteropFault: Error, Sendable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
