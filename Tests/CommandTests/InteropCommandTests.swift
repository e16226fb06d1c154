import Foundation
import Glibc
import TestSupport
import Testing

private let python = TestPaths.root + "/.build/live/bin/python"

/// A running bridge, read through protocols of other programs.
@Suite(.serialized) struct InteropCommandTests {
  private func start(_ interop: String) async throws -> (Program, [String: String]) {
    let folder = try TestPaths.temporaryFolder()
    try interop.write(toFile: folder + "/config.yaml", atomically: true, encoding: .utf8)
    let environment = [
      "VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": "/nonexistent", "XDG_STATE_HOME": folder,
    ]
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--demo", "--config", folder + "/config.yaml"],
      environment: environment)
    #expect(await eventually(within: 20) { daemon.errors.contains("role=left_hand") }, "\(daemon.errors)")
    return (daemon, environment)
  }

  private struct Read: Decodable {
    struct Entry: Decodable {
      var count: Int
      var norm: Double
      var age: Double
      var last: [Double]
    }
    var cookie: String
    var poses: [String: Entry]
    var velocities: [String: Int]
    var pongs: Int
    var analog: [String: Int]
    var buttons: [String: Int]
  }

  @Test(arguments: ["tcp", "udp"]) func vrpnPublishesPosesAndControls(_ mode: String) async throws {
    let port = Int.random(in: 20_000...29_000)
    let (daemon, _) = try await start("interop: { vrpn: { address: '127.0.0.1:\(port)' } }")
    let result = try await Program.run(
      "/usr/bin/env", ["python3", TestPaths.root + "/Tests/Python/vrpn_client.py", String(port), mode, "4"])
    #expect(result.code == 0, "\(result.errors)\(daemon.errors)")
    let read = try JSONDecoder().decode(Read.self, from: Data(result.output.utf8))
    #expect(read.cookie == "vrpn: ver. 07.35  0" && read.pongs >= 3)
    for name in ["head", "left_hand", "right_hand"] {
      let entry = try #require(read.poses[name], "\(read.poses.keys)")
      #expect(entry.count > 150 && abs(entry.norm - 1) < 1e-9 && abs(entry.age) < 0.5, "\(name): \(entry)")
      #expect((read.velocities[name] ?? 0) > 150)
    }
    #expect(!read.analog.isEmpty || !read.buttons.isEmpty, "\(read)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
  }

  @Test func vrpnListensOnLoopbackUnlessOpened() async throws {
    let folder = try TestPaths.temporaryFolder()
    try "interop: { vrpn: { address: '0.0.0.0:3883' } }".write(
      toFile: folder + "/c.yaml", atomically: true, encoding: .utf8)
    let result = try await Program.run(
      "vrbridge", ["run", "--no-hardware", "--config", folder + "/c.yaml", "--socket", folder + "/s"])
    #expect(result.code == 2 && result.errors.contains("open: true"), "\(result.errors)")
  }

  private struct Heard: Decodable {
    var count: Int
    var last: [Double]
  }

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: python), "needs the packages that 'make test' installs"))
  func oscIsReadByAnIndependentReader() async throws {
    let port = Int.random(in: 20_000...29_000)
    let reader = try Program(
      python, [TestPaths.root + "/Tests/Python/osc_reader.py", String(port), "6"])
    #expect(await eventually { reader.output.contains("ready") })
    let (daemon, _) = try await start(
      "interop: { vmc: { target: '127.0.0.1:\(port)' }, vrchat: { target: '127.0.0.1:\(port)' } }")
    #expect(await reader.exitCode(within: 15) == 0, "\(reader.errors)")
    let text = reader.output.replacing("ready\n", with: "")
    let heard = try JSONDecoder().decode([String: Heard].self, from: Data(text.utf8))
    for address in [
      "/VMC/Ext/OK", "/VMC/Ext/T", "/VMC/Ext/Hmd/Pos:DEMO-HEAD", "/VMC/Ext/Con/Pos:DEMO-LEFT",
      "/VMC/Ext/Con/Pos:DEMO-RIGHT", "/tracking/trackers/head/position", "/tracking/trackers/head/rotation",
    ] {
      #expect((heard[address]?.count ?? 0) > 60, "\(address): \(heard)")
    }
    let head = try #require(heard["/VMC/Ext/Hmd/Pos:DEMO-HEAD"]).last
    #expect(head.count == 7 && abs(head.suffix(4).reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
  }

  @Test func opentrackGetsSixNumbers() async throws {
    let port = Int.random(in: 20_000...29_000)
    let script = """
      import socket, struct, sys
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", int(sys.argv[1]))); s.settimeout(15)
      print("ready", flush=True)
      rows = [struct.unpack("<6d", s.recv(64)) for _ in range(1500)]
      print(len(rows), min(r[3] for r in rows), max(r[3] for r in rows))
      """
    let reader = try Program("/usr/bin/env", ["python3", "-c", script, String(port)])
    #expect(await eventually { reader.output.contains("ready") })
    let (daemon, _) = try await start("interop: { opentrack: { target: '127.0.0.1:\(port)' } }")
    #expect(await reader.exitCode(within: 20) == 0, "\(reader.errors)")
    let numbers =
      reader.output.split(separator: "\n").last?.split(separator: " ").compactMap { Double($0) } ?? []
    // The demonstration's head turns to and fro.
    #expect(numbers.count == 3 && numbers[0] == 1500 && numbers[2] - numbers[1] > 2, "\(reader.output)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
  }
}
