import Foundation
import HTTPServer
import Logging
import Sensing
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import FoxgloveServer

/// Pages that connect as viewers.
@Suite(.serialized)
struct FoxgloveOriginTests {
  private final class Lines: Sendable {
    let all = Mutex<[String]>([])
  }
  private struct LogLines: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    func log(event: LogEvent) {
      lines.all.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
  }

  /// Returns the beginning of the answer to a page, and the lines of the log.
  private func connect(_ origin: String?, origins: [String]) async throws -> (answer: String, log: [String]) {
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let lines = Lines()
    let log = Logger(label: "test") { _ in LogLines(lines: lines) }
    var settings = FoxgloveSettings()
    settings.origins = origins
    let service = try FoxgloveService(
      settings, options: HTTPServerOptions(address: .network(host: "127.0.0.1", port: 0)),
      state: FakeBridgeState { $0.scopes = Set(Scope.allCases) }, version: "1", log: log
    ) { announce.yield($0 ?? 0) }
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let group = ServiceGroup(services: [service], logger: quiet)
    let running = Task { try await group.run() }
    var port = 0
    for await value in ports {
      port = value
      break
    }
    let client = try RawClient(port)
    let fields =
      [
        "GET / HTTP/1.1", "Host: localhost:\(port)", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: foxglove.websocket.v1",
      ] + (origin.map { ["Origin: \($0)"] } ?? [])
    client.send(fields.map { $0 + "\r\n" }.joined() + "\r\n")
    let answer = await client.read(until: origin == nil ? "101" : "\r\n\r\n")
    let text = answer.hasPrefix("HTTP/1.1 101 ") ? answer : answer + (await client.readAll())
    await group.triggerGracefulShutdown()
    try await running.value
    return (text, lines.all.withLock { $0 })
  }

  @Test(
    arguments: [
      (nil, []), ("https://app.foxglove.dev", FoxgloveSettings().origins),
      ("http://localhost:8080", ["http://localhost:*"]), ("file://", ["file://"]), ("null", ["null"]),
    ] as [(String?, [String])])
  func configuredPagesConnect(_ origin: String?, _ origins: [String]) async throws {
    #expect(try await connect(origin, origins: origins).answer.hasPrefix("HTTP/1.1 101 "))
  }

  @Test(arguments: ["http://localhost:8080", "file://", "null", "https://evil.example"])
  func otherPagesAreRefusedWithARemedyInAnswerAndLog(_ origin: String) async throws {
    let (answer, log) = try await connect(origin, origins: FoxgloveSettings().origins)
    let remedy = "add '\(origin)' to 'foxglove: origins'"
    #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains(remedy), "\(answer)")
    #expect(log.filter { $0.contains("a client was refused") && $0.contains(remedy) }.count == 1, "\(log)")
  }
}
