import Admission
import Authorisation
import Dispatch
import Foundation
import Glibc
import Hummingbird
import Logging
import Sensing
import ServiceLifecycle
import Settings
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// Answers `/echo` with the size of the body, the origin of the rights of the client and its user.
struct EchoHandler: HTTPHandler {
  static var routes: [HTTPRoute] {
    [HTTPRoute(.get, "/echo", .document), HTTPRoute(.post, "/echo", .document)]
  }
  var isQuick: Bool

  func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
    request.uri.path == "/echo" ? .large : nil
  }

  func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
    HTTPReply.text("\(body.count) \(rights.origin) \(rights.principal.user.map { String($0) } ?? "none")")
      .response
  }
}

/// Runs a server on a free port of the loopback during a test.
func withService(
  change: (inout HTTPServerOptions) -> Void = { _ in }, access: ClientAccess = .owners,
  handlers: [any HTTPHandler] = [],
  _ body: @Sendable @escaping (Int) async throws -> Void
) async throws {
  var options = HTTPServerOptions(address: .network(host: "127.0.0.1", port: 0))
  change(&options)
  let (ports, announce) = AsyncStream<Int>.makeStream()
  var log = Logger(label: "test")
  log.logLevel = .error
  let service = try HTTPService(
    options, access: access, handlers: handlers + [EchoHandler(isQuick: true)], log: log
  ) {
    announce.yield($0 ?? 0)
  }
  let group = ServiceGroup(services: [service], logger: log)
  let running = Task { try await group.run() }
  var port = 0
  for await value in ports {
    port = value
    break
  }
  do {
    try await body(port)
    await group.triggerGracefulShutdown()
    try await running.value
  } catch {
    await group.triggerGracefulShutdown()
    throw error
  }
}

/// Runs curl, and returns the status and the body of the answer; status 0 for no answer.
func curl(
  _ address: String, token: String? = nil, method: String = "GET", body: Int? = nil,
  _ arguments: [String] = []
) async throws -> (status: Int, text: String) {
  var all =
    ["--silent", "--max-time", "10", "--write-out", "\n%{http_code}", "--request", method] + arguments
  if let token { all += ["--header", "Authorization: Bearer \(token)"] }
  if let body { all += ["--data-binary", String(repeating: "x", count: body)] }
  let output = try await Program.run("/usr/bin/curl", all + [address]).output
  let end = output.lastIndex(of: "\n") ?? output.startIndex
  return (Int(output[end...].dropFirst()) ?? 0, String(output[..<end]))
}

/// The code of an error's body.
func code(_ text: String) throws -> String? {
  let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
  return (json?["error"] as? String)?.isEmpty == false ? json?["code"] as? String : nil
}

/// Counts calls.
private final class Calls: Sendable {
  private let number = Mutex(0)
  var count: Int { number.withLock { $0 } }

  func next() -> Int {
    number.withLock { number in
      number += 1
      return number
    }
  }
}

struct HTTPServiceTests {
  private static let secret = "0123456789abcdef"

  @Test(arguments: [true, false])
  func handlersAreOfferedRequestsInOrder(_ isQuick: Bool) async throws {
    try await withService(handlers: [EchoHandler(isQuick: isQuick)]) { port in
      let answer = try await curl("http://127.0.0.1:\(port)/echo", method: "POST", body: 10)
      #expect(answer.status == 200 && answer.text == "10 accessRules \(getuid())")
      let missing = try await curl("http://127.0.0.1:\(port)/nothing")
      #expect(missing.status == 404)
      #expect(try code(missing.text) == "http-not-found")
    }
  }

  @Test func sizesAndRatesAreLimited() async throws {
    try await withService(change: {
      $0.maximumBody = 1000
      $0.requestsPerSecond = 5
    }) { port in
      let large = try await curl("http://127.0.0.1:\(port)/echo", method: "POST", body: 2000)
      #expect(large.status == 413)
      #expect(try code(large.text) == "http-body-too-large")
      var answers: [(status: Int, text: String)] = []
      for _ in 0..<30 where !answers.contains(where: { $0.status == 429 }) {
        // Many requests of one process: faster than a process each.
        let address = "http://127.0.0.1:\(port)/echo"
        let output = try await Program.run(
          "/usr/bin/curl",
          ["--silent", "--write-out", "\n%{http_code}\n"] + Array(repeating: address, count: 20)
        ).output
        let statuses = output.split(separator: "\n").compactMap { Int($0) }
        answers += statuses.map { ($0, output) }
      }
      #expect(answers.contains { $0.status == 200 } && answers.contains { $0.status == 429 })
    }
  }

  @Test func aTokenIsNeededOnceTokensAreConfigured() async throws {
    let tokens = [HTTPServerOptions.Token(secret: Self.secret, models: ["hands"])]
    let monitor = MonitorEndpoints(metricsType: "text/x", metrics: { "one 1\n" }, problem: { nil })
    try await withService(change: { $0.tokens = tokens }, handlers: [monitor]) { port in
      let base = "http://127.0.0.1:\(port)"
      for path in ["/nothing", "/metrics"] {
        let refused = try await curl(base + path)
        #expect(refused.status == 401)
        #expect(try code(refused.text) == "http-unauthorized")
      }
      let answer1 = try await curl(base + "/echo", token: "wrong-wrong-wrong")
      #expect(answer1.status == 401)
      let answer2 = try await curl(base + "/echo", token: Self.secret)
      #expect(answer2.text.contains("token"))
      let answer3 = try await curl(base + "/nothing", token: Self.secret)
      #expect(answer3.status == 404)
      let answer4 = try await curl(base + "/metrics", token: Self.secret)
      #expect(answer4.text == "one 1\n")
      // A supervisor without a token reads the health.
      let answer5 = try await curl(base + "/health/live")
      #expect(answer5.status == 200)
    }
  }

  @Test func rightsFollowTheToken() {
    var options = HTTPServerOptions(address: .unix("/run/s"))
    let local = Rights(.user(7), scopes: [.poses])
    #expect(options.rights(token: nil, of: local) == local && local.mayUse("any"))
    options.tokens = [
      HTTPServerOptions.Token(secret: "one-one-one-one", models: ["hands"]),
      HTTPServerOptions.Token(secret: "all-all-all-all", scopes: Set(Scope.allCases)),
      HTTPServerOptions.Token(secret: "few-few-few-few", scopes: [.metrics]),
    ]
    let one = options.rights(header: "Bearer one-one-one-one", of: local)
    #expect(one.mayUse("hands") && !one.mayUse("faces") && one.principal == .user(7))
    #expect(
      one.scopes == [.poses, .controls, .camera, .microphone, .infer, .metrics])
    let all = options.rights(header: "bearer all-all-all-all", of: local)
    #expect(all.mayUse("faces") && all.scopes.count == 8)
    #expect(options.rights(header: "Bearer few-few-few-few", of: local).scopes == [.metrics])
    // The scopes of the user do not count where tokens are configured.
    for header in [nil, "", "Bearer", "Bearer one-one", "Basic one-one-one-one"] {
      let none = options.rights(header: header, of: local)
      #expect(none.origin == .noToken && none.scopes.isEmpty)
    }
  }

  /// The look-up of a user's scopes is made once for a connection, and its event loop serves others meanwhile.
  @Test func scopesAreLookedUpOnceForAConnectionAndOffTheLoop() async throws {
    let calls = Calls()
    let release = DispatchSemaphore(value: 0)
    let access = ClientAccess { _ in
      if calls.next() == 1 { _ = release.wait(timeout: .now() + 20) }
      return [.poses]
    }
    try await withService(access: access) { port in
      let address = "http://127.0.0.1:\(port)/echo"
      async let slow = curl(address)
      #expect(await eventually { calls.count == 1 })
      // More connections than the server has event loops.
      for _ in 0..<(2 * ProcessInfo.processInfo.activeProcessorCount) {
        let answer = try await curl(address)
        #expect(answer.status == 200)
      }
      release.signal()
      #expect(try await slow.status == 200)
      let before = calls.count
      let three = try await Program.run("/usr/bin/curl", ["--silent", address, address, address]).output
      #expect(three.components(separatedBy: "accessRules").count == 4, "\(three)")
      #expect(calls.count == before + 1)
    }
  }

  @Test func healthReportsTheProblem() async throws {
    let monitor = MonitorEndpoints(
      metricsType: "text/x", metrics: { "" }, problem: { "the tracking loop stands still" })
    try await withService(handlers: [monitor]) { port in
      let base = "http://127.0.0.1:\(port)"
      let answer6 = try await curl(base + "/health/live")
      #expect(answer6.status == 200)
      let ready = try await curl(base + "/health/ready")
      #expect(ready.status == 503 && ready.text == "the tracking loop stands still\n")
      let wrong = try await curl(base + "/metrics", method: "DELETE")
      #expect(wrong.status == 405)
      #expect(try code(wrong.text) == "http-method-not-allowed")
    }
  }

  /// A server does not take the socket of another one that runs.
  @Test func aSocketInUseIsKept() async throws {
    let path = try TestPaths.temporaryFolder() + "/http"
    try await withService(change: { $0.address = .unix(path) }) { _ in
      var log = Logger(label: "test")
      log.logLevel = .critical
      // Without a group it ends with its task when it serves.
      let second = try HTTPService(HTTPServerOptions(address: .unix(path)), handlers: [], log: log)
      let running = Task { try await second.run() }
      let watch = Task {
        try await Task.sleep(for: .seconds(2))
        running.cancel()
      }
      let error = await #expect(throws: HTTPServerError.self) { try await running.value }
      watch.cancel()
      #expect(error?.code == "http-address-unavailable" && error?.description.contains("stop it") == true)
      let answer = try await curl("http://localhost/echo", ["--unix-socket", path])
      #expect(answer.status == 200)
    }
  }

  @Test func theSocketOfAKilledServerIsReplaced() async throws {
    let path = try TestPaths.temporaryFolder() + "/http"
    // A socket that is bound and closed, as a process leaves it that ends without removing it.
    let program = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    let made = try await Program.run("/usr/bin/env", ["python3", "-c", program, path])
    try #require(made.code == 0, "\(made.errors)")
    try await withService(change: { $0.address = .unix(path) }) { _ in
      let answer = try await curl("http://localhost/echo", ["--unix-socket", path])
      #expect(answer.status == 200)
    }
  }

  @Test(.enabled(if: getuid() == 0, "needs root"))
  func theSocketOfAnotherUserIsKept() async throws {
    let path = try TestPaths.temporaryFolder() + "/http"
    let program = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    let made = try await Program.run("/usr/bin/env", ["python3", "-c", program, path])
    try #require(made.code == 0 && chown(path, 65_534, 65_534) == 0, "\(made.errors)")
    let error = #expect(throws: SocketClaimError.self) { try SocketClaim(path) }
    #expect(error?.description.contains("user 65534") == true)
    #expect(FileManager.default.fileExists(atPath: path))
  }

  /// A file of another kind is kept.
  @Test func aFileAtTheSocketsPathIsKept() async throws {
    let path = try TestPaths.temporaryFolder() + "/mine"
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    var log = Logger(label: "test")
    log.logLevel = .critical
    let service = try HTTPService(HTTPServerOptions(address: .unix(path)), handlers: [], log: log)
    let error = await #expect(throws: HTTPServerError.self) { try await service.run() }
    #expect(error?.code == "http-address-unavailable" && error?.description.contains(path) == true)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
  }

  /// OpenSSL makes the certificate and curl is the client.
  @Test func curlConnectsWithTLS() async throws {
    let folder = try TestPaths.temporaryFolder()
    let (key, certificate) = (folder + "/key.pem", folder + "/cert.pem")
    let made = try await Program.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
        "-out", certificate,
      ])
    try #require(made.code == 0, "\(made.errors)")
    #expect(chmod(key, 0o600) == 0)
    try await withService(change: {
      $0.tokens = [HTTPServerOptions.Token(secret: Self.secret)]
      $0.tls = HTTPServerOptions.TLS(certificate: certificate, key: key)
    }) { port in
      let address = "https://127.0.0.1:\(port)/echo"
      let trusted = ["--cacert", certificate]
      let answer7 = try await curl(address, token: Self.secret, trusted)
      #expect(answer7.text.contains("token"))
      // No answer without TLS, with an old version, and with a certificate that the client does not trust.
      let answer8 = try await curl("http://127.0.0.1:\(port)/echo")
      #expect(answer8.status == 0)
      let answer9 = try await curl(address, trusted + ["--tls-max", "1.1"])
      #expect(answer9.status == 0)
      let answer10 = try await curl(address)
      #expect(answer10.status == 0)
    }
  }

  @Test func aTLSKeyThatOthersCanReadIsRefused() async throws {
    let folder = try TestPaths.temporaryFolder()
    let (key, certificate) = (folder + "/key.pem", folder + "/cert.pem")
    let made = try await Program.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
      ])
    try #require(made.code == 0, "\(made.errors)")
    var settings = HTTPSettings()
    (settings.certificate, settings.privateKey) = (certificate, key)
    let options = try settings.options(for: "127.0.0.1:0", environment: [:])
    #expect(chmod(key, 0o666) == 0)
    #expect {
      _ = try options.tls?.configuration()
    } throws: {
      let error = $0 as? SecretError
      return error?.code == "secret-exposed" && error?.description.contains("the TLS key, \(key)") == true
    }
    let service = try HTTPService(options, handlers: [], log: Logger(label: "test"))
    await #expect(throws: SecretError.self) { try await service.run() }
    #expect(chmod(key, 0o600) == 0)
    _ = try options.tls?.configuration()
  }

  @Test func otherMachinesNeedTokensAndTLS() throws {
    var options = HTTPServerOptions(address: .network(host: "0.0.0.0", port: 0))
    #expect(options.problem != nil)
    options.tokens = [HTTPServerOptions.Token(secret: Self.secret)]
    #expect(options.problem != nil)
    #expect(throws: HTTPServerError.self) {
      try HTTPService(options, handlers: [], log: Logger(label: "test"))
    }
    options.tls = HTTPServerOptions.TLS(certificate: "c", key: "k")
    #expect(options.problem == nil)
  }

  @Test func addressesAreParsed() {
    #expect(HTTPServerOptions.Address("127.0.0.1:80")?.isLocal == true)
    #expect(HTTPServerOptions.Address("[::1]:80") == .network(host: "::1", port: 80))
    #expect(HTTPServerOptions.Address("/run/s")?.isLocal == true)
    for text in ["", "80", ":80", "host:99999", "host"] { #expect(HTTPServerOptions.Address(text) == nil) }
  }
}
