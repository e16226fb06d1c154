import Foundation
import Glibc
import Testing

@testable import Admission

struct PortOwnerTests {
  /// Listens on a free port of the loopback.
  private func listener(_ kind: __socket_type) throws -> (descriptor: Int32, port: Int) {
    let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
      }
    }
    try #require(result == 0)
    if kind == SOCK_STREAM { try #require(listen(descriptor, 1) == 0) }
    return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
  }

  @Test func theOwnerOfAPortIsFound() throws {
    for (kind, transport) in [(SOCK_STREAM, PortOwner.Transport.tcp), (SOCK_DGRAM, .udp)] {
      let (descriptor, port) = try listener(kind)
      for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        let owner = PortOwner.of(port, host: host, transport)
        #expect(owner?.process == Int(getpid()) && owner?.user == getuid(), "\(host) \(transport)")
        #expect(owner?.text.contains("pid \(getpid())") == true)
      }
      #expect(PortOwner.of(port, host: "127.0.0.2", transport) == nil)
      let problem = ListenProblem.text(
        EADDRINUSE, host: "127.0.0.1", port: port, transport, setting: "'http: address'")
      #expect(problem.contains("pid \(getpid())") && problem.contains("'http: address'"))
      close(descriptor)
      #expect(PortOwner.of(port, host: "127.0.0.1", transport) == nil)
    }
  }

  @Test func linesOfTheKernelAreParsed() throws {
    let line =
      "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 x"
    let entry = try #require(PortOwner.Entry(line, .tcp))
    #expect(
      entry.address == [127, 0, 0, 1] && entry.port == 8080 && entry.user == 1000 && entry.inode == 4711)
    #expect(entry.conflicts(with: "127.0.0.1") && !entry.conflicts(with: "127.0.0.2"))
    // A connection is no listener.
    #expect(PortOwner.Entry(line.replacingOccurrences(of: " 0A ", with: " 01 "), .tcp) == nil)
    for text in ["", "a b c", "1: 0100007F 0 0A 0 0 0 1 0 1", "1: zz00007F:1F90 0 0A 0 0 0 1 0 1"] {
      #expect(PortOwner.Entry(text, .tcp) == nil)
    }
  }
}
