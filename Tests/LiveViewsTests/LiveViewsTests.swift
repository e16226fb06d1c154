import Foundation
import Glibc
import Logging
import Sensing
import Testing

@testable import LiveViews
@testable import ModelService

struct LocalPeerTests {
  /// The kernel's table, as proc(5) describes it; IPv6 with a mapped address in the second.
  private let four = """
      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 0100007F:1F90 0100007F:C3A8 01 00000000:00000000 00:00000000 00000000  1001        0 11111 1
       1: 0100007F:C3A8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 22222 1
       2: truncated
    """

  @Test func theOtherEndIsTheOneThatCounts() throws {
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

  /// However long the table is: the kernel lists who listens first.
  @Test func thisProgramIsFoundInTheRealTable() throws {
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

struct BrowserGuardTests {
  private func options(tokens: Bool = false) -> ServiceOptions {
    var options = ServiceOptions(address: .network(host: "127.0.0.1", port: 8000))
    if tokens { options.tokens = [ServiceOptions.Token(secret: "0123456789abcdef")] }
    return options
  }

  @Test(
    arguments: [
      ("localhost:8000", nil, true), ("127.0.0.1:8000", nil, true), ("[::1]:8000", nil, true),
      ("localhost", nil, true), ("LOCALHOST:8000", nil, true), ("127.8.8.8", nil, true),
      ("page.localhost:8000", "http://page.localhost:8000", true),
      ("localhost:8000", "http://localhost:8000", true),
      // A name of somebody's that leads here.
      ("evil.example:8000", nil, false), ("evil.example", "http://evil.example", false),
      ("127.0.0.1.evil.example", nil, false), ("127.evil", nil, false), (nil, nil, false),
      // A page of another site, or of another port.
      ("localhost:8000", "http://evil.example", false), ("localhost:8000", "http://localhost:9000", false),
      ("localhost:8000", "null", false), ("[::1].evil", nil, false),
    ] as [(String?, String?, Bool)])
  func pagesOfOthersAreRefused(_ host: String?, _ origin: String?, _ isAllowed: Bool) {
    let refusal = BrowserGuard(options()).refusal(host: host, origin: origin, isUnix: false)
    #expect((refusal == nil) == isAllowed, "\(host ?? "-") \(origin ?? "-"): \(refusal ?? "allowed")")
  }

  @Test func withATokenAnyNameLeadsHere_butNoOtherSite() {
    let browsers = BrowserGuard(options(tokens: true))
    #expect(browsers.refusal(host: "vr.example:8000", origin: nil, isUnix: false) == nil)
    #expect(browsers.refusal(host: "vr.example", origin: "https://vr.example", isUnix: false) == nil)
    #expect(browsers.refusal(host: "vr.example", origin: "https://other.example", isUnix: false) != nil)
    #expect(BrowserGuard(options()).refusal(host: nil, origin: nil, isUnix: true) == nil)
  }
}

struct FoxgloveMessageTests {
  @Test func bytesAreAsTheProtocolSays() {
    #expect(
      FoxgloveMessage.data(subscription: 0x0102_0304, time: 5, [9, 8]) == [
        1, 4, 3, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0, 9, 8,
      ])
    #expect(FoxgloveMessage.time(-1) == [2, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func anyBytesAreRefusedOrUnderstood() {
    var generator = SystemRandomNumberGenerator()
    let valid = Array("{\"op\":\"subscribe\",\"subscriptions\":[{\"id\":1,\"channelId\":2}]}".utf8)
    for _ in 0..<5000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 0...6, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      _ = FoxgloveMessage.Request(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator))))
    }
    guard case .subscribe(let list) = FoxgloveMessage.Request(valid) else {
      Issue.record("a valid message was refused")
      return
    }
    #expect(list.first?.id == 1 && list.first?.channelId == 2)
    #expect(
      FoxgloveMessage.Request(Array("{\"op\":\"subscribe\",\"subscriptions\":[{\"id\":-1}]}".utf8)) == nil)
  }
}
