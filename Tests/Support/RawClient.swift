import Foundation
import Glibc

/// A TCP connection to a server on the loopback, byte by byte.
public final class RawClient: Sendable {
  private let descriptor: Int32

  public struct ConnectionError: Error { public let number: Int32 }

  public init(_ port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = UInt16(port).bigEndian
    let descriptor = descriptor
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw ConnectionError(number: errno) }
    var patience = timeval(tv_sec: 15, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  /// Sends bytes; waits while the server does not read.
  ///
  /// - Returns: false when the connection ended.
  @discardableResult
  public func send(_ bytes: [UInt8]) -> Bool {
    Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  @discardableResult
  public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Sends bytes again and again, without reading, until the connection ends.
  ///
  /// - Returns: the bytes that were sent; the limit when the server read them all.
  public func flood(_ bytes: [UInt8], limit: Int) async -> Int {
    await onQueue { client in
      var sent = 0
      while sent < limit, client.send(bytes) { sent += bytes.count }
      return sent
    }
  }

  /// Reads to the end of the connection, or until nothing came for 15 s.
  public func readAll() async -> String { await read { _ in false } }

  /// Reads until a text came, or to the end.
  public func read(until end: String) async -> String { await read { $0.contains(end) } }

  private func read(until isDone: @escaping @Sendable (String) -> Bool) async -> String {
    await onQueue { client in
      var all: [UInt8] = []
      var part = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = recv(client.descriptor, &part, part.count, 0)
        if count > 0 { all += part[0..<count] }
        let text = String(decoding: all, as: UTF8.self)
        if count <= 0 || isDone(text) { return text }
      }
    }
  }

  /// Runs work that blocks outside of Swift's small pool of threads.
  private func onQueue<Result: Sendable>(_ work: @escaping @Sendable (RawClient) -> Result) async -> Result {
    let client = self
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: work(client)) }
    }
  }
}
