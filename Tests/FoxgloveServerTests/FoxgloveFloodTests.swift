import Foundation
import HTTPServer
import Logging
import Sensing
import ServiceLifecycle
import TestSupport
import Testing

@testable import FoxgloveServer

/// Viewers that send without reading.
@Suite(.serialized)
struct FoxgloveFloodTests {
  private func withService(
    scopes: Set<Scope> = Set(Scope.allCases), _ body: @Sendable @escaping (Int) async throws -> Void
  ) async throws {
    var options = HTTPServerOptions(address: .network(host: "127.0.0.1", port: 0))
    options.timeouts.stall = .seconds(1)
    options.timeouts.head = .seconds(1)
    let (ports, announce) = AsyncStream<Int>.makeStream()
    var log = Logger(label: "test")
    log.logLevel = .critical
    let service = try FoxgloveService(
      FoxgloveSettings(), options: options, state: FakeBridgeState { $0.scopes = scopes }, version: "1",
      log: log
    ) { announce.yield($0 ?? 0) }
    let group = ServiceGroup(services: [service], logger: log)
    let running = Task { try await group.run() }
    var port = 0
    for await value in ports {
      port = value
      break
    }
    do { try await body(port) } catch { Issue.record(error) }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  private static let handshake =
    [
      "GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Protocol: foxglove.websocket.v1",
    ].map { $0 + "\r\n" }.joined() + "\r\n"

  private func viewer(_ port: Int) async throws -> RawClient {
    let client = try RawClient(port)
    client.send(Self.handshake)
    let answer = await client.read(until: "serverInfo")
    #expect(answer.hasPrefix("HTTP/1.1 101 ") && answer.contains("serverInfo"), "\(answer)")
    return client
  }

  /// A frame of a client: masked with zeros.
  private func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0x80 | opcode, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
  }

  @Test(arguments: [UInt8(9), 1, 2])
  func aFloodThatIsNotReadCostsNoMemory(_ opcode: UInt8) async throws {
    try await withService { port in
      let client = try await viewer(port)
      let start = try PeakMemory.reset()
      let frames = Array(
        repeatElement(frame(opcode, Array(repeating: 0x7b, count: 100)), count: 1000).joined())
      let limit = 48 << 20
      let sent = await client.flood(frames, limit: limit)
      let grown = try PeakMemory.growth(since: start)
      #expect(grown < 32 << 20, "\(grown >> 20) MiB after \(sent >> 20) MiB of frames")
    }
  }

  @Test func everyPingOfAReaderIsAnswered() async throws {
    try await withService { port in
      let client = try await viewer(port)
      for number in 0..<5 {
        let text = "ping-\(number)"
        client.send(frame(9, Array(text.utf8)))
        #expect(await client.read(until: text).contains(text))
      }
    }
  }

  @Test func viewersBeyondTheLimitAndSilentOnesAreRefused() async throws {
    try await withService { port in
      var held: [RawClient] = []
      for _ in 0..<FoxgloveService.maximumClients { held.append(try await viewer(port)) }
      let refused = try RawClient(port)
      let answer = await refused.readAll()
      #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("too-many-clients"), "\(answer)")
      held = []
      let isServed = await eventually { (try? await viewerAnswer(port))?.isEmpty == true }
      #expect(isServed)
    }
  }

  @Test func aUserWithoutScopesIsRefused() async throws {
    try await withService(scopes: []) { port in
      let client = try RawClient(port)
      client.send(Self.handshake)
      let answer = await client.readAll()
      #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("no scope"), "\(answer)")
    }
  }

  /// A connection that is closed while the body arrives would be reset, and the reply lost.
  @Test func aRequestWithABodyGetsTheReply() async throws {
    try await withService { port in
      let part = String(repeating: "x", count: 10_000)
      for _ in 0..<20 {
        let client = try RawClient(port)
        client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        var isWhole = true
        for _ in 0..<20 {
          isWhole = client.send(part) && isWhole
          try await Task.sleep(for: .milliseconds(1))
        }
        #expect(isWhole)
        let answer = await client.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 426 "), "\(answer)")
      }
    }
  }

  /// What a client that sends nothing receives: nothing, when it is admitted and its time runs out.
  private func viewerAnswer(_ port: Int) async throws -> String { await (try RawClient(port)).readAll() }
}
