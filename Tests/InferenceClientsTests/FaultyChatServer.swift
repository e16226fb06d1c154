import Foundation
import Glibc
import Synchronization

/// A server of chat completions on the loopback, whose answers a test decides on, byte by byte.
final class FaultyChatServer: Sendable {
  struct Reply: Sendable {
    var status = 200
    var type = "text/event-stream"
    /// Sent one after another, with a pause between.
    var parts: [String] = []
    /// Whether the connection stays open after the last part.
    var hangs = false
  }

  private let listener: Int32
  let port: Int
  private let reply: @Sendable ([String: Any]) -> Reply
  private let bodies = Mutex<[Set<String>]>([])

  /// The keys of the requests so far.
  var requests: [Set<String>] { bodies.withLock { $0 } }

  /// - Parameter reply: decides on the answer to a request's JSON.
  init(_ reply: @escaping @Sendable ([String: Any]) -> Reply) throws {
    self.reply = reply
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && listen(descriptor, 16) == 0
          && getsockname(descriptor, $0, &size) == 0
      }
    }
    guard isOpen else { throw POSIXError(.EADDRNOTAVAIL) }
    listener = descriptor
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self] in
      while true {
        let client = accept(descriptor, nil, nil)
        guard client >= 0 else { return }
        guard let self else {
          close(client)
          return
        }
        Thread.detachNewThread { self.serve(client) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private func serve(_ client: Int32) {
    defer { close(client) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    var request: [String: Any]?
    while request == nil {
      let count = recv(client, &part, part.count, 0)
      guard count > 0 else { return }
      bytes += part[..<count]
      let text = String(decoding: bytes, as: UTF8.self)
      guard let end = text.range(of: "\r\n\r\n") else { continue }
      let body = text[end.upperBound...]
      request = (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any]
    }
    guard let request else { return }
    bodies.withLock { $0.append(Set(request.keys)) }
    let reply = reply(request)
    send(client, "HTTP/1.1 \(reply.status) X\r\nContent-Type: \(reply.type)\r\nConnection: close\r\n\r\n")
    for part in reply.parts {
      send(client, part)
      usleep(10_000)
    }
    if reply.hangs { sleep(8) }
  }

  private func send(_ client: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
