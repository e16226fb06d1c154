import Foundation
import Glibc
import Testing

@testable import HTTPServer

struct LocalPeerTests {
  /// The kernel's table, as proc(5) describes it; IPv6 with a mapped address in the second.
  private let four = """
      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 0100007F:1F90 0100007F:C3A8 01 00000000:00000000 00:00000000 00000000  1001        0 11111 1
       1: 0100007F:C3A8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 22222 1
       2: truncated
    """

  @Test func theUserOfTheOtherEndIsReturned() throws {
    let client = try #require(LocalPeer.Key(("127.0.0.1", 0xC3A8)))
    let server = try #require(LocalPeer.Key(("127.0.0.1", 0x1F90)))
    #expect(LocalPeer.user(in: four, from: client.text(false), to: server.text(false)) == 1000)
    #expect(LocalPeer.user(in: four, from: server.text(false), to: client.text(false)) == 1001)
    let other = try #require(LocalPeer.Key(("127.0.0.2", 0xC3A8)))
    #expect(LocalPeer.user(in: four, from: other.text(false), to: server.text(false)) == nil)
    #expect(client.text(true) == "0000000000000000FFFF00000100007F:C3A8")
    #expect(LocalPeer.Key(("::1", 80))?.text(true) == "00000000000000000000000001000000:0050")
    #expect(LocalPeer.Key(("::1", 80))?.text(false) == nil)
    #expect(LocalPeer.Key(("::ffff:127.0.0.1", 80))?.text(false) == "0100007F:0050")
    #expect(LocalPeer.Key(("somewhere", 80)) == nil)
  }

  /// The table is longer than one read: the kernel lists listening sockets first.
  @Test func thisProcessIsFoundInTheKernelsTable() throws {
    let crowd = (0..<100).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    defer { for descriptor in crowd { close(descriptor) } }
    for descriptor in crowd { try #require(listen(descriptor, 1) == 0) }
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    func with(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
      withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
      }
    }
    try #require(with { bind(listener, $0, length) } == 0)
    try #require(listen(listener, 1) == 0)
    try #require(with { getsockname(listener, $0, &length) } == 0)
    let port = Int(UInt16(bigEndian: address.sin_port))
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    try #require(with { connect(client, $0, length) } == 0)
    try #require(with { getsockname(client, $0, &length) } == 0)
    let own = Int(UInt16(bigEndian: address.sin_port))
    #expect(LocalPeer.user(remote: ("127.0.0.1", own), local: ("127.0.0.1", port)) == getuid())
    #expect(LocalPeer.user(remote: ("127.0.0.1", own), local: ("127.0.0.1", 1)) == nil)
  }
}
