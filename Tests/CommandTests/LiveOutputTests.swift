import Foundation
import Glibc
import TestSupport
import Testing

private let python = TestPaths.root + "/.build/live/bin/python"
private let chromium = "/usr/bin/chromium"

/// The page and the viewers' port of a running bridge, used by a browser and by independent clients.
@Suite(
  .serialized,
  .enabled(
    if: FileManager.default.fileExists(atPath: python), "needs the packages that 'make test' installs"))
struct LiveOutputTests {
  private let port = Int.random(in: 20_000...29_000)
  private let environment: [String: String]

  init() throws {
    environment = [
      "VRBRIDGE_SOCKET": try TestPaths.temporaryFolder() + "/s", "XDG_CONFIG_HOME": "/nonexistent",
      "XDG_STATE_HOME": try TestPaths.temporaryFolder(), "TERM": "dumb", "VRBRIDGE_MODELS": Models.folder,
      "VRBRIDGE_OPENVINO": Models.runtime, "VRBRIDGE_STATE": Models.state,
    ]
  }

  /// - Parameter isQuick: runs the release build where there is one: without optimisation, beside a browser, annotations
  ///   expire before they are shown.
  private func start(_ arguments: [String], isQuick: Bool = false) async throws -> Program {
    let release = isQuick ? ProcessInfo.processInfo.environment["VRBRIDGE_RELEASE"] : nil
    let daemon = try Program(
      release ?? "vrbridge", ["run", "--no-hardware", "--demo"] + arguments, environment: environment)
    #expect(await eventually(within: 20) { daemon.errors.contains("served") }, "\(daemon.errors)")
    return daemon
  }

  private struct Found: Decodable {
    var problems: [String]
    var elsewhere: [String]
    var devices: [String]
    var demonstration: Bool
    var camera: String
    var cameraColors: Int
    var annotations: [String]
    var models: Int
    var log: Int
    var sceneColors: Int
    var firstStop: String
    var arrowsTurn: Bool
    var recording: String
    var recorded: String
    var notice: Bool
    var dark: String
    var nameless: [String]
    var faintDark: [String]
    var faintLight: [String]
    var phoneOverflow: Double
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: chromium), "needs Debian's chromium"),
    .enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
  func aBrowserUsesThePage() async throws {
    let arguments = ["--perception", "hands,text", "--http", "127.0.0.1:\(port)"]
    let daemon = try await start(arguments, isQuick: true)
    let folder = try TestPaths.temporaryFolder()
    let browser = try Program(
      python,
      [TestPaths.root + "/Tests/Python/dashboard.py", "http://127.0.0.1:\(port)/", folder, chromium])
    #expect(
      await eventually(within: 200) { browser.output.contains("}\n") || !browser.isRunning },
      "\(browser.errors.suffix(1500))")
    let text = try #require(browser.output.split(separator: "\n").first, "\(browser.errors.suffix(1500))")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let found = try decoder.decode(Found.self, from: Data(text.utf8))
    #expect(found.problems == [] && found.elsewhere == [])
    #expect(found.devices.count == 3 && found.devices.allSatisfy { $0.contains("streaming") })
    #expect(found.demonstration && found.camera.contains("640 × 480") && found.cameraColors > 100)
    #expect(found.annotations.contains { $0.contains("hand") || $0.contains("text") }, "\(found)")
    #expect(found.models >= 2 && found.log >= 3 && found.sceneColors > 5)
    #expect(found.firstStop == "skip" && found.arrowsTurn)
    #expect(found.recording.hasPrefix("Stop") && !found.notice)
    let recorded = try #require(found.recorded.firstMatch(of: /Last: (\S+\.mcap)/)).output.1
    let session = try await Program.run(Program.folder + "/vrbridge", ["info", String(recorded)])
    #expect(session.code == 0 && session.output.contains("/devices/1/"), "\(session.errors)")
    #expect(found.dark == "rgb(16, 21, 27)" && found.phoneOverflow <= 0)
    #expect(found.nameless == [] && found.faintDark == [] && found.faintLight == [])

    // An open page does not delay shutdown.
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0, "\(daemon.errors.suffix(800))")
    try Data().write(to: URL(fileURLWithPath: folder + "/stopped"))
    #expect(await eventually(within: 25) { browser.output.contains("lost") }, "\(browser.errors.suffix(800))")
    let second = try await start(arguments)
    try Data().write(to: URL(fileURLWithPath: folder + "/started"))
    #expect(
      await eventually(within: 25) { browser.output.contains("live\n") }, "\(browser.errors.suffix(800))")
    #expect(await browser.exitCode(within: 10) == 0)
    second.signal(SIGTERM)
    #expect(await second.exitCode(within: 20) == 0)
  }

  private struct Viewed: Decodable {
    struct Topic: Decodable {
      var count: Int
      var jpeg: Bool?
      var frames: [String]?
    }
    struct Info: Decodable {
      var name: String
      var capabilities: [String]
    }
    struct Status: Decodable {
      var level: Int
      var message: String
    }
    var topics: [String: Topic]
    var schemas: [String: String]
    var times: Int
    var info: Info
    var status: [Status]
    var theirs: Int
    var order: Bool
    var subprotocol: String
  }

  @Test(
    .enabled(if: Models.areHere, "needs the models that 'make test' fetches"),
    arguments: ["foxglove.websocket.v1", "foxglove.sdk.v1"])
  func aViewerReadsAllTopics(_ subprotocol: String) async throws {
    let daemon = try await start(["--perception", "text", "--foxglove", "127.0.0.1:\(port)"])
    let result = try await Program.run(
      python,
      [TestPaths.root + "/Tests/Python/foxglove_client.py", "ws://127.0.0.1:\(port)", subprotocol, "12"])
    #expect(result.code == 0, "\(result.errors.suffix(1500))")
    let viewed = try JSONDecoder().decode(Viewed.self, from: Data(result.output.utf8))
    #expect(viewed.subprotocol == subprotocol && viewed.info.capabilities == ["time"])
    #expect(viewed.info.name.hasPrefix("vrbridge "))
    for topic in ["/devices/1/pose", "/devices/2/pose", "/devices/3/state", "/devices/1/figures"] {
      #expect((viewed.topics[topic]?.count ?? 0) > 10, "\(topic): \(viewed.topics)")
    }
    let frames = Set(viewed.topics["/tf"]?.frames ?? [])
    #expect(frames.isSuperset(of: ["device-1", "head", "drawn camera"]), "\(frames)")
    #expect(viewed.topics["/cameras/drawn-camera/image"]?.jpeg == true)
    #expect((viewed.topics["/cameras/drawn-camera/calibration"]?.count ?? 0) > 3)
    #expect((viewed.topics["/scene"]?.count ?? 0) > 0, "\(viewed.topics)")
    #expect(viewed.topics["/cameras/drawn-camera/annotations"] != nil)
    #expect(viewed.theirs > 500 && viewed.order && viewed.times > 100)
    // Each of the six invalid messages has a status.
    #expect(viewed.status.count == 6 && viewed.status.allSatisfy { !$0.message.isEmpty }, "\(viewed.status)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0)
  }

  /// The socket's access rules hold for a loopback port too: the kernel names the user of a connection.
  @Test(
    .enabled(
      if: getuid() == 0 && FileManager.default.fileExists(atPath: "/usr/sbin/runuser"),
      "needs root and runuser"))
  func anotherUserHasTheScopesOfTheSocket() async throws {
    let daemon = try await start(["--http", "127.0.0.1:\(port)"])
    func ask(_ user: String, _ arguments: [String]) async throws -> String {
      try await Program.run(
        "/usr/sbin/runuser",
        ["-u", user, "--", "/usr/bin/curl", "-s", "-m", "2", "-H", "content-type: application/json"]
          + arguments
      ).output
    }
    let url = "http://127.0.0.1:\(port)/live"
    let own = try await ask("root", ["-N", url])
    #expect(
      own.contains(
        "\"scopes\":[\"poses\",\"controls\",\"camera\",\"microphone\",\"manage\",\"measure\",\"infer\",\"metrics\"]"
      ),
      "\(own.prefix(300))")
    #expect(own.contains("\"log\":[") && own.contains("\"cameras\""))
    let other = try await ask("nobody", ["-N", url])
    #expect(other.contains("\"scopes\":[\"poses\",\"controls\"]"), "\(other.prefix(300))")
    #expect(other.contains("\"poses\":[") && !other.contains("\"log\":[") && !other.contains("\"cameras\""))
    #expect(try await ask("nobody", ["-d", "{}", url + "/recenter"]).contains("needs the scope 'manage'"))
    #expect(try await ask("nobody", [url + "/frame?camera=x"]).contains("needs the scope 'camera'"))
    #expect(try await ask("root", ["-d", "{}", url + "/recenter"]) == "{}")
    #expect(try await ask("root", ["-d", "[", url + "/recording"]).contains("expected"))
    #expect(
      try await ask("root", ["-d", "{\"device\":1,\"role\":\"nose\"}", url + "/role"]).contains("not known"))
    #expect(
      try await ask("root", ["-d", "{\"device\":99,\"role\":\"head\"}", url + "/role"]).contains("no device"))
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0)
  }

  /// Foreign host names, pages of other sites, and requests that are no WebSocket.
  @Test func foreignHostsAndSitesAreRefused() async throws {
    let viewers = port + 1
    let daemon = try await start(["--http", "127.0.0.1:\(port)", "--foxglove", "127.0.0.1:\(viewers)"])
    func curl(_ arguments: [String]) async throws -> String {
      try await Program.run("/usr/bin/curl", ["-s", "-m", "15", "-w", " %{http_code}"] + arguments).output
    }
    let page = "http://127.0.0.1:\(port)"
    #expect(try await curl(["-o", "/dev/null", page + "/"]) == " 200")
    #expect(try await curl([page + "/../../etc/passwd", "--path-as-is"]).hasSuffix("404"))
    #expect(try await curl([page + "/live/none"]).hasSuffix("404"))
    #expect(try await curl(["-X", "PUT", page + "/live"]).hasSuffix("405"))
    #expect(try await curl(["-H", "Host: rebound.example", page + "/live"]).hasSuffix("403"))
    #expect(try await curl(["-H", "Origin: http://evil.example", page + "/live"]).hasSuffix("403"))
    let form = try await curl(["-d", "{}", page + "/live/recenter"])
    #expect(form.hasSuffix("415"), "\(form)")
    let upgrade = [
      "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
      "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    let port = "http://127.0.0.1:\(viewers)/"
    let site = "Origin: https://app.foxglove.dev"
    let known = ["-H", "Sec-WebSocket-Protocol: foxglove.websocket.v1"]
    #expect(try await curl([port]).hasSuffix("426"))
    #expect(try await curl(upgrade + [port]).hasSuffix("400"))
    #expect(try await curl(upgrade + known + ["-H", "Origin: http://evil.example", port]).hasSuffix("403"))
    #expect(try await curl(upgrade + known + ["-H", "Host: rebound.example", port]).hasSuffix("403"))
    #expect(
      try await curl(upgrade + known + ["-m", "3", "-o", "/dev/null", "-H", site, port]).hasSuffix("101"))
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 20) == 0)

    // An address for other machines needs a certificate and tokens.
    let open = try await Program.run(
      Program.folder + "/vrbridge", ["run", "--no-hardware", "--foxglove", "0.0.0.0:\(viewers)"],
      environment: environment)
    #expect(open.code == 2 && open.errors.contains("tls"), "\(open.errors)")
  }
}
