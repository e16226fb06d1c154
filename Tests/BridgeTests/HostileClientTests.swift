import Bridge
import BridgeClient
import BridgeProtocol
import CLinux
import Devices
import Foundation
import Glibc
import Sensing
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

/// Malicious or broken clients get a typed error and are dropped; a good client beside them misses nothing, and the
/// bridge's memory stays bounded.
@Suite(.serialized)
struct HostileClientTests {
  /// A socket without the client library.
  private final class RawClient {
    let descriptor: Int32
    private var reader = FrameReader(limit: Framing.maximumLength)

    init(_ path: String) throws {
      descriptor = linux_unix_connect(path)
      try #require(descriptor >= 0)
      var patience = timeval(tv_sec: 10, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Whether something can be read, if only the end.
    var hasInput: Bool {
      var byte: UInt8 = 0
      return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) >= 0
    }

    @discardableResult
    func send(_ bytes: [UInt8], dontWait: Bool = false) -> Int {
      Int(
        Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | (dontWait ? Int32(MSG_DONTWAIT) : 0))
      )
    }

    func send(_ message: ClientFrame.OneOf_Message) throws {
      var bytes: [UInt8] = []
      try Framing.append(ClientFrame.with { $0.message = message }, to: &bytes)
      send(bytes)
    }

    /// The next frame, nil at the end.
    func receive() throws -> ServerFrame? {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        if let body = try reader.next() { return try ServerFrame(serializedBytes: Array(body)) }
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        buffer[0..<count].withUnsafeBytes { reader.append($0) }
      }
    }

    func greet() throws {
      try send(.hello(.with { $0.protocolVersion = BridgeVersion.current }))
      let frame = try receive()
      guard case .welcome = frame?.message else {
        Issue.record("no welcome: \(String(describing: frame))")
        return
      }
    }
  }

  /// Runs `body` against a bridge while a good client counts the head's poses; it must miss none.
  private func besideAGoodClient(
    clients: Int = 64, _ body: (TestBridge) async throws -> Void
  ) async throws {
    let bridge = try TestBridge {
      $0.demo = Setting(.always)
      $0.maximumClients = Setting(clients)
    }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let good = try await bridge.connect("good")
    _ = try await good.request(
      .subscribe(
        .with {
          $0.streams = [.poses]
          $0.roles = [.head]
          $0.queuePolicy = .dropOldest
          $0.depth = 16_384
        }))
    let watching = Task.detached { () -> (count: Int, dropped: UInt64, gap: Int64) in
      var (count, dropped, gap, last) = (0, UInt64(0), Int64(0), Int64(0))
      while let frame = try? await good.receive() {
        dropped += frame.poses.dropped
        for pose in frame.poses.poses {
          if last > 0 { gap = max(gap, pose.capturedNs - last) }
          last = pose.capturedNs
          count += 1
        }
      }
      return (count, dropped, gap)
    }
    try await body(bridge)
    // Poses go on afterwards.
    try await Task.sleep(for: .milliseconds(200))
    #expect(try await bridge.devices().count == 3)
    await bridge.stop()
    let seen = await watching.value
    #expect(seen.count > 10)
    #expect(seen.dropped == 0)
    #expect(seen.gap < 3_000_000, "the good client missed poses")
  }

  private func expectError(_ client: RawClient, _ code: Vrbridge_V1_ErrorCode) throws {
    while let frame = try client.receive() {
      if case .error(let error) = frame.message {
        #expect(error.code == code)
        #expect(error.fatal && !error.message.isEmpty && !error.cause.isEmpty)
        #expect(try client.receive() == nil)
        return
      }
    }
    Issue.record("the connection ended without an error")
  }

  @Test func oversizedGarbageAndOutOfOrder() async throws {
    try await besideAGoodClient { bridge in
      let huge = try RawClient(bridge.socket)
      huge.send([0xff, 0xff, 0xff, 0x7f, 1, 2, 3])
      try expectError(huge, .tooLarge)

      let garbage = try RawClient(bridge.socket)
      garbage.send([5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff])
      try expectError(garbage, .malformed)

      let impolite = try RawClient(bridge.socket)
      try impolite.send(.listDevices(Vrbridge_V1_ListDevices()))
      try expectError(impolite, .helloExpected)

      let stranger = try RawClient(bridge.socket)
      try stranger.send(.hello(.with { $0.protocolVersion = 9_000 }))
      try expectError(stranger, .version)

      // Truncated: half a frame, then the end.
      for _ in 0..<50 {
        let cut = try RawClient(bridge.socket)
        cut.send([100, 0, 0, 0, 8])
      }
      var random = SeededRandom(seed: 8)
      for _ in 0..<200 {
        let noise = try RawClient(bridge.socket)
        noise.send(
          (0..<Int.random(in: 1...2000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
          }, dontWait: true)
      }
    }
  }

  @Test func aClientThatNeverReadsIsBoundedAndDropped() async throws {
    try await besideAGoodClient { bridge in
      let start = try PeakMemory.reset()
      let lazy = try RawClient(bridge.socket)
      try lazy.greet()
      try lazy.send(
        .subscribe(
          .with {
            $0.streams = [.poses]
            $0.queuePolicy = .dropOldest
            $0.depth = 1024
          }))
      // Sends requests without ever reading a reply, until the bridge drops it.
      var request: [UInt8] = []
      try Framing.append(
        ClientFrame.with { $0.message = .listDevices(Vrbridge_V1_ListDevices()) }, to: &request)
      var sent = 0
      while sent < 200_000, lazy.send(request) > 0 { sent += 1 }
      #expect(sent < 200_000, "the bridge took every request of a client that never reads")
      let grown = try PeakMemory.growth(since: start)
      #expect(grown < 30 << 20, "\(grown >> 20) MiB")
    }
  }

  @Test func aThousandConnectionsAndHalfOpenOnes() async throws {
    try await besideAGoodClient(clients: 20) { bridge in
      let start = try PeakMemory.reset()
      var crowd: [RawClient] = []
      var refused = 0
      for _ in 0..<1000 {
        guard let client = try? RawClient(bridge.socket) else { continue }
        crowd.append(client)
        if crowd.count > 200 { crowd.removeFirst(100) }
      }
      for client in crowd.suffix(20) {
        if let frame = try client.receive(), frame.error.code == .tooManyClients { refused += 1 }
      }
      #expect(refused > 0)
      let grown = try PeakMemory.growth(since: start)
      #expect(grown < 30 << 20, "\(grown >> 20) MiB")
      crowd = []
      // Half-open: connected, silent. They are dropped after five seconds.
      var silent: [RawClient] = []
      // The bridge removes the closed connections within a moment.
      try #require(
        await eventually {
          let client = try RawClient(bridge.socket)
          try await Task.sleep(nanoseconds: 50_000_000)
          if !client.hasInput { silent.append(client) }
          return silent.count == 5
        })
      for client in silent { try expectError(client, .timeout) }
    }
  }

  /// A descriptor that belongs to no request costs the client its connection.
  @Test func aClientThatPassesDescriptorsIsRefused() async throws {
    try await besideAGoodClient { bridge in
      let client = try RawClient(bridge.socket)
      try client.greet()
      var bytes: [UInt8] = []
      try Framing.append(
        ClientFrame.with {
          $0.requestID = 1
          $0.ping = Vrbridge_V1_Ping()
        }, to: &bytes)
      // A second one before a request took the first, then one that no request takes.
      let sent = [
        linux_send(client.descriptor, Array(bytes.prefix(2)), 2, client.descriptor),
        linux_send(client.descriptor, Array(bytes.dropFirst(2)), bytes.count - 2, client.descriptor),
      ]
      #expect(sent == [2, bytes.count - 2])
      try expectError(client, .malformed)
      let other = try RawClient(bridge.socket)
      try other.greet()
      #expect(linux_send(other.descriptor, bytes, bytes.count, other.descriptor) == bytes.count)
      #expect(try other.receive()?.replyTo == 1)
      try expectError(other, .malformed)
    }
  }

  @Test func passedDescriptorsAreNotInstalled() throws {
    var pair: [Int32] = [0, 0]
    try #require(linux_packet_pair(&pair) == 0)
    let passed = linux_memory_file("passed-by-a-client")
    try #require(passed >= 0)
    defer { for descriptor in pair + [passed] { close(descriptor) } }
    func copies() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))?
          .contains("passed-by-a-client") == true
      }
    }
    var (byte, hadDescriptors): (UInt8, Int32) = (0, 0)
    #expect(linux_send(pair[0], [7], 1, passed) == 1)
    #expect(linux_receive_bytes(pair[1], &byte, 1, &hadDescriptors) == 1)
    #expect(try byte == 7 && hadDescriptors == 1 && copies() == 1)
    #expect(linux_send(pair[0], [8], 1, -1) == 1)
    #expect(linux_receive_bytes(pair[1], &byte, 1, &hadDescriptors) == 1)
    #expect(byte == 8 && hadDescriptors == 0)
  }

  /// More requests than a turn handles are all answered, in order.
  @Test func aBurstOfRequestsIsAnsweredInOrder() async throws {
    try await besideAGoodClient { bridge in
      let client = try RawClient(bridge.socket)
      try client.greet()
      var bytes: [UInt8] = []
      for index in 1...500 {
        try Framing.append(
          ClientFrame.with {
            $0.requestID = UInt64(index)
            $0.ping = Vrbridge_V1_Ping()
          }, to: &bytes)
      }
      // The last frame comes in two parts.
      client.send(Array(bytes.dropLast(2)))
      for index in 1...499 { #expect(try client.receive()?.replyTo == UInt64(index)) }
      client.send(bytes.suffix(2))
      #expect(try client.receive()?.replyTo == 500)
    }
  }

  @Test func queuesOfOneClientAreLimitedTogether() async throws {
    let bridge = try TestBridge()
    let connection = try await bridge.connect()
    for _ in 0..<2 {
      try await connection.request(
        .subscribe(
          .with {
            $0.streams = [.poses]
            $0.depth = 8_192
          }))
    }
    await #expect(throws: BridgeClientError.self) {
      try await connection.request(.subscribe(.with { $0.streams = [.poses] }))
    }
    // Ending one makes room.
    try await connection.request(.unsubscribe(.with { $0.subscriptionID = 1 }))
    try await connection.request(.subscribe(.with { $0.streams = [.controls] }))
    await bridge.stop()
  }

  @Test func accessRulesGrantOnlyTheirScopes() async throws {
    let text = "access: { poses: { everyone: false }, controls: { everyone: false } }"
    var configuration = Configuration()
    try configuration.apply(text: text, file: "c")
    // Users other than root and the owner have no scope left.
    #expect(configuration.access.value.scopes(user: 4242, group: 4242).isEmpty)
    #expect(configuration.access.value.scopes(user: 0, group: 0).count == Scope.allCases.count)
    try configuration.apply(
      text: "access: { poses: { users: ['4242'] }, manage: { groups: [root] } }", file: "c")
    #expect(configuration.access.value.scopes(user: 4242, group: 4242) == [.poses])
    #expect(configuration.access.value.scopes(user: 4243, group: 0) == [.manage])
    #expect(Configuration().access.value.scopes(user: 4242, group: 4242) == [.poses, .controls])
  }
}
