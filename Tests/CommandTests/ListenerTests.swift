import Foundation
import Glibc
import TestSupport
import Testing

/// The listeners of a running bridge: as an ordinary user, and under attack.
@Suite(.serialized)
struct ListenerTests {
  private static let canChangeUser =
    getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
  private let folder: String
  private let http = Int.random(in: 20_000...22_000)
  private let foxglove = Int.random(in: 22_001...24_000)
  private let vrpn = Int.random(in: 24_001...26_000)

  init() throws {
    folder = try TestPaths.temporaryFolder()
    // Another user writes here.
    chmod(folder, 0o777)
  }

  /// Starts a bridge with all listeners.
  ///
  /// - Parameter wrapper: a program with its arguments, which runs the bridge.
  private func start(_ wrapper: [String]) async throws -> Program {
    try """
    http: { address: '127.0.0.1:\(http)' }
    foxglove: { address: '127.0.0.1:\(foxglove)' }
    interop: { vrpn: { address: '127.0.0.1:\(vrpn)' } }
    """.write(toFile: folder + "/config.yaml", atomically: true, encoding: .utf8)
    let command =
      wrapper + [
        Program.folder + "/vrbridge", "run", "--no-hardware", "--demo", "--config", folder + "/config.yaml",
      ]
    let daemon = try Program(
      command[0], Array(command.dropFirst()),
      environment: [
        "VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": "/nonexistent", "XDG_STATE_HOME": folder,
      ])
    #expect(
      await eventually(within: 30) {
        ["HTTP is served", "viewers are served", "serving VRPN"].allSatisfy { daemon.errors.contains($0) }
      }, "\(daemon.errors)")
    return daemon
  }

  private func status() async throws -> String {
    try await Program.run(
      "/usr/bin/curl",
      [
        "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}",
        "http://127.0.0.1:\(http)/health/live",
      ]
    ).output
  }

  /// Options of sockets that only root may set must not be set.
  @Test(.enabled(if: canChangeUser, "needs root and setpriv"))
  func listenersServeClientsOfABridgeWithoutPrivileges() async throws {
    let daemon = try await start([
      "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
    ])
    #expect(try await status() == "200")
    let viewer = try RawClient(foxglove)
    viewer.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(await viewer.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 426 "))
    #expect(await (try RawClient(vrpn)).read(until: "vrpn: ver").hasPrefix("vrpn: ver"))
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
  }

  /// Idle connections take all descriptors: the bridge answers what it can't serve, logs a few lines, and serves again
  /// when they are gone.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/prlimit"), "needs prlimit"))
  func connectionsWithoutEndDoNotEndTheBridge() async throws {
    let daemon = try await start(["/usr/bin/prlimit", "--nofile=120:120"])
    var crowd: [RawClient] = []
    for port in [http, foxglove, vrpn] {
      for _ in 0..<250 {
        guard let client = try? RawClient(port) else { break }
        crowd.append(client)
      }
    }
    #expect(crowd.count > 300)
    let lines = daemon.errors.split(separator: "\n").count
    try await Task.sleep(for: .seconds(3))
    let more = daemon.errors.split(separator: "\n").count - lines
    #expect(daemon.isRunning && more < 60, "\(more) lines:\n\(daemon.errors.suffix(2000))")
    // The socket, too, answers. A client that is still sending its greeting then may miss the reason.
    let environment = ["VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": "/nonexistent"]
    #expect(
      await eventually(within: 5) {
        let client = try? await Program.run("vrbridge", ["devices"], environment: environment)
        return client?.errors.contains("too-many-clients") == true
      })
    crowd = []
    #expect(await eventually(within: 20) { (try? await status()) == "200" }, "\(daemon.errors.suffix(2000))")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 10) == 0)
  }
}
