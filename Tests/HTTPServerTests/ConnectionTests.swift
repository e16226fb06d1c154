import Authorisation
import Foundation
import Glibc
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Sensing
import Synchronization
import TestSupport
import Testing

@testable import Admission
@testable import HTTPServer

/// Connections of clients that are hostile, slow or many.
@Suite(.serialized)
struct ConnectionTests {
  /// Remembers the principals of its requests.
  private final class RememberingHandler: HTTPHandler {
    static var routes: [HTTPRoute] { [HTTPRoute(.post, "/remember", .page)] }
    let principals = Mutex<[Principal]>([])

    func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
      request.uri.path == "/remember" ? .large : nil
    }

    func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
      principals.withLock { $0.append(rights.principal) }
      return HTTPReply.text("\(rights.principal)").response
    }
  }

  private static let nobody: UInt32 = 65_534
  private static let canChangeUser =
    getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")

  /// Runs a script of bash as another user; the script's port is `$0`.
  private func asNobody(_ script: String, _ port: Int) async throws -> String {
    try await Program.run(
      "/usr/bin/setpriv",
      [
        "--reuid", "\(Self.nobody)", "--regid", "\(Self.nobody)", "--clear-groups", "/bin/bash", "-c", script,
        "\(port)",
      ]
    ).output
  }

  @Test(.enabled(if: canChangeUser, "needs root and setpriv"))
  func aPeerIsSeenAsItsUser() async throws {
    try await withService(access: ClientAccess { _ in [.poses] }) { port in
      let text = try await asNobody("exec curl --silent http://127.0.0.1:$0/echo", port)
      #expect(text == "0 accessRules \(Self.nobody)")
      let own = try await curl("http://127.0.0.1:\(port)/echo")
      #expect(own.text == "0 accessRules \(getuid())")
    }
  }

  /// A failed look-up is counted, and logged at most once a second; the client has the rights of every user.
  @Test func connectionsWithoutAUserAreCountedAndLogged() throws {
    let texts = LogLines.Texts()
    let log = Logger(label: "test") { _ in LogLines(texts: texts) }
    let gate = ConnectionGate(
      "test", limits: AdmissionControl.Limits(total: 8),
      access: ClientAccess { $0 == nil ? [.poses] : [.manage] }, log: log)
    let before = UnidentifiedPeers.process.count
    for _ in 0..<3 {
      // A channel without addresses: nothing can be looked up.
      let channel = EmbeddedChannel()
      let connection = try gate.admit(channel)
      #expect(connection.principal == .unknown && connection.rights.scopes.isEmpty)
      try? channel.close().wait()
    }
    #expect(UnidentifiedPeers.process.count == before + 3)
    #expect(texts.all.withLock { $0 } == ["test: the user of a connection cannot be determined"])
  }

  @Test func aPeerOfAUnixSocketIsSeenAsItsUser() async throws {
    let path = try TestPaths.temporaryFolder() + "/http"
    try await withService(change: { $0.address = .unix(path) }) { _ in
      let answer = try await curl("http://localhost/echo", ["--unix-socket", path])
      #expect(answer.text == "0 accessRules \(getuid())")
    }
  }

  /// The kernel lists the socket of a closed connection as root's.
  @Test(.enabled(if: canChangeUser, "needs root and setpriv"))
  func aPeerThatClosesGainsNoIdentity() async throws {
    let handler = RememberingHandler()
    try await withService(handlers: [handler]) { port in
      let size = 8 << 20
      let script = """
        exec 3<>/dev/tcp/127.0.0.1/$0
        printf 'POST /remember HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: \(size)\\r\\n\\r\\n' >&3
        head -c \(size) /dev/zero >&3
        exec 3>&-
        """
      for _ in 0..<20 { _ = try await asNobody(script, port) }
      #expect(await eventually { handler.principals.withLock { $0.count } == 20 })
      let others = handler.principals.withLock { $0 }.filter { $0 != .user(Self.nobody) && $0 != .unknown }
      #expect(others.isEmpty, "\(others)")
    }
  }

  /// A client that is bound to the loopback device is no other than one that is not.
  @Test(arguments: ["127.0.0.1", "::1", "::ffff:127.0.0.1"], [nil, "lo"])
  func connectionsOfThisProcessAreIdentified(_ host: String, _ device: String?) throws {
    let family = host.contains(":") ? AF_INET6 : AF_INET
    let server = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    let client = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    defer {
      close(server)
      close(client)
    }
    let address = try SocketAddress(ipAddress: host, port: 0)
    try #require(address.withSockAddr { bind(server, $0, socklen_t($1)) } == 0)
    try #require(listen(server, 1) == 0)
    let local = try name(of: server, host)
    // A listener is no connection.
    let listening = PeerIdentity.principal(remote: local, local: local)
    #expect(listening.principal == .unknown && listening.problem == ENOENT)
    if let device {
      let result = setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, device, socklen_t(device.utf8.count))
      try #require(result == 0)
    }
    try #require(local.withSockAddr { connect(client, $0, socklen_t($1)) } == 0)
    let remote = try name(of: client, host)
    #expect(PeerIdentity.principal(remote: remote, local: local).principal == .user(getuid()))
    // Only the connection itself counts: not one with another port, nor one whose end is closed.
    let other = try SocketAddress(ipAddress: host, port: 1)
    #expect(PeerIdentity.principal(remote: remote, local: other).principal == .unknown)
    shutdown(client, Int32(SHUT_WR))
    #expect(PeerIdentity.principal(remote: remote, local: local).principal == .unknown)
  }

  private func name(of descriptor: Int32, _ host: String) throws -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    try #require(result == 0)
    // The port is at the same offset in both families.
    let port = withUnsafeBytes(of: &storage) { Int($0[2]) << 8 | Int($0[3]) }
    return try SocketAddress(ipAddress: host, port: port)
  }

  @Test func connectionsBeyondTheLimitAreAnswered() async throws {
    try await withService(change: { $0.maximumConnections = 4 }) { port in
      var held: [RawClient] = []
      for _ in 0..<4 { held.append(try RawClient(port)) }
      // Every connection so far is counted once its request is answered.
      for client in held {
        client.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(await client.read(until: "accessRules").contains("200 OK"))
      }
      for _ in 0..<30 {
        let refused = try RawClient(port)
        refused.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let answer = await refused.readAll()
        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("too-many-clients"), "\(answer)")
      }
      held = []
      #expect(
        await eventually { (try? await curl("http://127.0.0.1:\(port)/echo"))?.status == 200 })
    }
  }

  @Test func slowRequestsEnd() async throws {
    try await withService(change: {
      $0.timeouts.head = .seconds(1)
      $0.timeouts.body = .seconds(1)
      $0.timeouts.idle = .seconds(1)
    }) { port in
      let begin = ContinuousClock.now
      let silent = try RawClient(port)
      let slow = try RawClient(port)
      let body = try RawClient(port)
      let idle = try RawClient(port)
      body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
      idle.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
      // A byte now and then does not keep a connection.
      let dripping = Task {
        for character in "GET / HTTP/1.1\r\nHost: localhost and much more text to come" {
          try await Task.sleep(for: .milliseconds(100))
          guard slow.send(String(character)) else { return }
        }
      }
      for client in [silent, slow, body] { #expect(await client.readAll().isEmpty) }
      #expect(await idle.readAll().contains("200 OK"))
      #expect(ContinuousClock.now - begin < .seconds(6))
      dripping.cancel()
    }
  }

  /// A stranger's body is not read: the reply comes although the body does not.
  @Test func permissionIsDecidedByTheHead() async throws {
    let monitor = MonitorEndpoints(metricsType: "text/x", metrics: { "one 1\n" }, problem: { nil })
    let tokens = [HTTPServerOptions.Token(secret: "0123456789abcdef")]
    try await withService(change: { $0.tokens = tokens }, handlers: [monitor]) { port in
      for path in ["/metrics", "/nothing"] {
        let client = try RawClient(port)
        client.send("POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\nx")
        let answer = await client.read(until: "}")
        #expect(answer.hasPrefix("HTTP/1.1 401 "), "\(answer)")
      }
    }
  }

  @Test func routesBoundTheirBodies() async throws {
    let monitor = MonitorEndpoints(metricsType: "text/x", metrics: { "one 1\n" }, problem: { nil })
    try await withService(handlers: [monitor]) { port in
      let client = try RawClient(port)
      client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
      #expect(await client.read(until: "}").hasPrefix("HTTP/1.1 413 "))
      // A length that is not announced is counted.
      let chunked = try RawClient(port)
      chunked.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
      let chunk = String(repeating: "x", count: 0x8000)
      for _ in 0..<3 { chunked.send("8000\r\n\(chunk)\r\n") }
      #expect(await chunked.read(until: "}").hasPrefix("HTTP/1.1 413 "))
    }
  }

  /// Bodies that come slowly hold memory; others are refused before they take more than their share.
  @Test func bodiesShareTheirMemory() async throws {
    let size = 1_000_000
    try await withService(change: { $0.maximumBody = size }) { port in
      let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(size)\r\n\r\n"
      func answer() async throws -> String {
        let client = try RawClient(port)
        client.send(head + String(repeating: "x", count: size))
        return await client.read(until: "accessRules")
      }
      // A length that is announced takes nothing.
      let silent = try (0..<8).map { _ in try RawClient(port) }
      for client in silent { client.send(head + "x") }
      for _ in 0..<5 {
        let text = try await answer()
        #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
      }
      withExtendedLifetime(silent) {}
      var slow = [try RawClient(port), try RawClient(port)]
      for client in slow { client.send(head + String(repeating: "x", count: size - 1)) }
      #expect(
        await eventually {
          let text = (try? await answer()) ?? ""
          return text.hasPrefix("HTTP/1.1 503 ") && text.contains("http-bodies-in-use")
        })
      slow = []
      #expect(await eventually { (try? await answer())?.hasPrefix("HTTP/1.1 200 ") == true })
    }
  }

  /// Requests without end, whose replies are not read, are not read either.
  @Test func repliesThatAreNotReadEndTheConnection() async throws {
    try await withService(change: { $0.timeouts.stall = .seconds(1) }) { port in
      let client = try RawClient(port)
      let flood = String(repeating: "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 1000)
      let sent = await client.flood(Array(flood.utf8), limit: 64 << 20)
      #expect(sent < 64 << 20, "all requests were read")
    }
  }

  /// A reply larger than the buffers of a socket.
  private struct LargeHandler: HTTPHandler {
    static var routes: [HTTPRoute] { [HTTPRoute(.get, "/large", .page)] }
    static let size = 8 << 20

    func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
      request.uri.path == "/large" ? .small : nil
    }

    func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
      HTTPReply(status: .ok, body: [UInt8](repeating: 0, count: Self.size)).response
    }
  }

  /// Reads a large reply through a Unix socket, whose buffers are small, in parts with pauses.
  ///
  /// - Returns: the bytes that came until the connection ended or eight seconds passed, and whether it ended.
  private func readSlowly(_ path: String, part: Int, pause: Duration) async throws -> (
    count: Int, ended: Bool
  ) {
    let script = """
      import socket, sys, time
      client = socket.socket(socket.AF_UNIX)
      client.connect(sys.argv[1])
      client.sendall(b"GET /large HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
      count, part, end = 0, b"x", time.monotonic() + 8
      while part and time.monotonic() < end:
          part = client.recv(int(sys.argv[2]))
          count += len(part)
          time.sleep(float(sys.argv[3]))
      print(count, int(not part))
      """
    let seconds = pause / .seconds(1)
    let done = try await Program.run(
      "/usr/bin/env", ["python3", "-c", script, path, "\(part)", "\(seconds)"])
    let words = done.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    try #require(words.count == 2, "\(done.errors)")
    return (words[0], words[1] == 1)
  }

  /// A byte now and then keeps no reply in memory; a client that reads slowly, and enough, gets all of it.
  @Test func repliesThatAreReadTooSlowlyEndTheConnection() async throws {
    let path = try TestPaths.temporaryFolder() + "/http"
    try await withService(
      change: {
        $0.address = .unix(path)
        $0.timeouts.stall = .seconds(2)
        $0.timeouts.minimumOutput = 1 << 20
      }, handlers: [LargeHandler()]
    ) { _ in
      let slow = try await readSlowly(path, part: 4096, pause: .milliseconds(20))
      #expect(slow.ended && slow.count < LargeHandler.size / 2, "\(slow)")
      let enough = try await readSlowly(path, part: 65_536, pause: .milliseconds(20))
      #expect(enough.ended && enough.count > LargeHandler.size, "\(enough)")
    }
  }
}

/// Keeps the messages of a log.
private struct LogLines: LogHandler {
  final class Texts: Sendable {
    let all = Mutex<[String]>([])
  }
  let texts: Texts
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info

  func log(event: LogEvent) { texts.all.withLock { $0.append("\(event.message)") } }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
}
