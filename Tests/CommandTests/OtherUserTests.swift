import Foundation
import Glibc
import TestSupport
import Testing

/// What another user of this machine can do to a running bridge without tokens.
@Suite(
  .serialized,
  .enabled(
    if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv"),
    "needs root and setpriv"))
struct OtherUserTests {
  private let folder: String
  private let port = Int.random(in: 26_001...28_000)

  init() throws {
    folder = try TestPaths.temporaryFolder()
    // Another user connects to the socket here.
    chmod(folder, 0o755)
  }

  private var environment: [String: String] {
    ["VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": "/nonexistent", "XDG_STATE_HOME": folder]
  }

  private func start(_ rules: String = "{}", models: String = "{}") async throws -> Program {
    try """
    http: { address: '127.0.0.1:\(port)' }
    access: \(rules)
    models: \(models)
    """.write(toFile: folder + "/config.yaml", atomically: true, encoding: .utf8)
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--demo", "--config", folder + "/config.yaml"],
      environment: environment)
    #expect(
      await eventually(within: 30) {
        daemon.errors.contains("HTTP is served") && access(folder + "/s", F_OK) == 0
      }, "\(daemon.errors)")
    try #require(chmod(folder + "/s", 0o666) == 0)
    return daemon
  }

  private func asNobody(
    _ command: String, _ arguments: [String]
  ) async throws -> (code: Int32?, output: String, errors: String) {
    try await Program.run(
      "/usr/bin/setpriv",
      ["--reuid", "65534", "--regid", "65534", "--clear-groups", command] + arguments,
      environment: environment)
  }

  /// Sends a request, and returns the status and the body.
  private func ask(_ path: String, _ arguments: [String] = [], isOwner: Bool = false) async throws -> String {
    let all =
      ["--silent", "--max-time", "10", "--write-out", " %{http_code}"] + arguments
      + ["http://127.0.0.1:\(port)\(path)"]
    return isOwner
      ? try await Program.run("/usr/bin/curl", all).output : try await asNobody("/usr/bin/curl", all).output
  }

  @Test func routesNeedTheScopesOfTheUser() async throws {
    let daemon = try await start()
    let cases: [(path: String, arguments: [String], scope: String)] = [
      ("/v2/repository/models/object-detection/unload", ["--data", "{}"], "manage"),
      ("/v2/repository/models/object-detection/load", ["--data", "{}"], "manage"),
      ("/v2/repository/index", ["--data", "{}"], "infer"),
      ("/v2/models/object-detection/infer", ["--data", "{}"], "infer"),
      ("/frames?camera=a", ["--data-binary", "@\(TestPaths.root)/docs/images/dashboard.png"], "camera"),
      ("/metrics", [], "metrics"),
    ]
    for (path, arguments, scope) in cases {
      let reply = try await ask(path, arguments)
      #expect(reply.hasSuffix(" 403") && reply.contains("needs the scope '\(scope)'"), "\(path): \(reply)")
    }
    #expect(try await ask("/health/ready") == "ready\n 200")
    // The owner's requests arrive, but models are changed only where the configuration permits it.
    #expect(try await ask("/metrics", isOwner: true).hasSuffix(" 200"))
    for change in ["load", "unload"] {
      let path = "/v2/repository/models/object-detection/\(change)"
      let reply = try await ask(path, ["--data", "{}"], isOwner: true)
      #expect(reply.hasSuffix(" 403") && reply.contains("'models: allow_dynamic_load'"), "\(reply)")
    }
    #expect(
      try await ask("/v2/repository/index", ["--data", "{}"], isOwner: true).hasSuffix(" 200"))
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0)
  }

  @Test func aRuleGivesTheScopeOfARoute() async throws {
    let daemon = try await start(
      "{ metrics: { users: ['65534'] }, manage: { users: ['65534'] } }",
      models: "{ folder: '\(folder)/none', allow_dynamic_load: true }")
    #expect(try await ask("/metrics").hasSuffix("# EOF\n 200"))
    // Permitted: the model is missing.
    let reply = try await ask("/v2/repository/models/none/load", ["--data", "{}"])
    #expect(reply.hasSuffix(" 404"), "\(reply)")
    #expect(try await ask("/v2/models/none").contains("needs the scope 'infer'"))
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0)
  }

  private var recordings: [String] {
    (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [])
      .filter { $0.hasSuffix(".mcap") }
  }

  /// A text of a client is a command with the rights of the client, not of the bridge.
  @Test func aTextStartsARecordingForThoseWhoMayOnly() async throws {
    let daemon = try await start(
      "{ microphone: { users: ['65534'] }, camera: { users: ['65534'] } }")
    let program = Program.folder + "/vrbridge"
    let refused = try await asNobody(program, ["prompt", "start", "recording", "--timeout", "5"])
    #expect(refused.code == 2 && refused.errors.contains("needs the scope 'manage'"), "\(refused)")
    #expect(refused.errors.contains("scope-missing"), "\(refused)")
    // Other texts have their effect.
    let note = try await asNobody(program, ["prompt", "take a note: red pump", "--timeout", "10"])
    #expect(note.code == 0 && note.output.contains("red pump"), "\(note)")
    #expect(recordings.isEmpty, "\(recordings)")
    let permitted = try await Program.run(
      program, ["prompt", "start", "recording", "--timeout", "10"], environment: environment)
    #expect(permitted.code == 0 && permitted.output.contains("recording to"), "\(permitted)")
    #expect(await eventually { recordings.count == 1 }, "\(recordings)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0)
  }
}
