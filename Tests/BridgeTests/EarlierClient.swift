import CLinux
import Glibc

/// A socket client that sends prepared bytes and decodes replies without generated code.
///
/// `@unchecked Sendable`: a test awaits each call before the next.
final class EarlierClient: @unchecked Sendable {
  /// The connection ended, or nothing arrived for ten seconds.
  struct Ended: Error {}

  private let descriptor: Int32
  private var buffer: [UInt8] = []
  /// A descriptor that the bridge passed; -1 without one. The client closes it.
  private(set) var passed: Int32 = -1
  /// Frames of subscriptions that arrived before a reply.
  private(set) var events: [[UInt8]] = []

  init(_ path: String) throws {
    descriptor = linux_unix_connect(path)
    guard descriptor >= 0 else { throw Ended() }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    close(descriptor)
    if passed >= 0 { close(passed) }
  }

  /// Sends a frame with its length and returns the bytes of the reply to it.
  func exchange(_ frame: [UInt8]) async throws -> [UInt8] {
    let request = try WireFields(Array(frame.dropFirst(4))).integer(1)
    return try await onThread { [self] in
      guard linux_send(descriptor, frame, frame.count, -1) == frame.count else { throw Ended() }
      while true {
        let body = try next()
        if try WireFields(body).integer(1) == request { return body }
        events.append(body)
      }
    }
  }

  /// Waits for a frame of a subscription.
  func event() async throws -> [UInt8] {
    try await onThread { [self] in events.isEmpty ? try next() : events.removeFirst() }
  }

  private func next() throws -> [UInt8] {
    while true {
      if buffer.count >= 4 {
        let length = buffer[0..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        if buffer.count >= 4 + length {
          defer { buffer.removeFirst(4 + length) }
          return Array(buffer[4..<(4 + length)])
        }
      }
      var bytes = [UInt8](repeating: 0, count: 65_536)
      var (received, hasMore): (Int32, Int32) = (-1, 0)
      let count = linux_receive(descriptor, &bytes, bytes.count, &received, &hasMore)
      if received >= 0 {
        if passed >= 0 { close(passed) }
        passed = received
      }
      guard count > 0 else { throw Ended() }
      buffer += bytes[0..<count]
    }
  }
}
