import Foundation
import Glibc
import TestSupport
import Testing

private let python = TestPaths.root + "/.build/chat/bin/python"

/// The daemon among its neighbours: metrics, health, systemd.
@Suite(.serialized) struct ServiceTests {
  private func environment(_ extra: [String: String] = [:]) throws -> [String: String] {
    [
      "VRBRIDGE_SOCKET": try TestPaths.temporaryFolder() + "/s", "XDG_CONFIG_HOME": "/nonexistent",
      "XDG_STATE_HOME": try TestPaths.temporaryFolder(), "TERM": "dumb",
    ].merging(extra) { $1 }
  }

  private func curl(_ port: Int, _ path: String) async throws -> (code: String, type: String, body: String) {
    let result = try await Program.run(
      "/usr/bin/curl",
      ["-s", "-m", "5", "-w", "\n%{http_code}\n%{content_type}", "http://127.0.0.1:\(port)\(path)"])
    let lines = result.output.components(separatedBy: "\n")
    return (lines.dropLast().last ?? "", lines.last ?? "", lines.dropLast(2).joined(separator: "\n"))
  }

  /// Prometheus' own parser reads what is counted.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: python), "needs the packages that 'make test' installs"))
  func prometheusReadsTheMetrics() async throws {
    let port = Int.random(in: 20_000...29_000)
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--demo", "--http", "127.0.0.1:\(port)"],
      environment: try environment())
    #expect(
      await eventually(within: 15) { (try? await curl(port, "/health/ready").code) == "200" },
      "\(daemon.errors)")
    #expect(try await curl(port, "/health/live").body.hasPrefix("alive"))
    #expect(await eventually { (try? await curl(port, "/metrics").body.contains("clock_residual")) == true })
    let metrics = try await curl(port, "/metrics")
    #expect(metrics.code == "200" && metrics.type.hasPrefix("application/openmetrics-text"))
    let file = try TestPaths.temporaryFolder() + "/metrics"
    try metrics.body.write(toFile: file, atomically: true, encoding: .utf8)
    let script = """
      import sys
      from prometheus_client.openmetrics.parser import text_string_to_metric_families
      for family in text_string_to_metric_families(open(sys.argv[1]).read()):
          for s in family.samples: print(s.name, s.labels.get("role", "-"), s.value)
      """
    let result = try await Program.run(python, ["-c", script, file])
    #expect(result.code == 0, "\(result.errors.suffix(800))\n\(metrics.body)")
    let lines = result.output.split(separator: "\n").map { $0.split(separator: " ") }
    func value(_ name: String, _ role: String) -> Double? {
      lines.first { $0[0] == name && $0[1] == role }.flatMap { Double($0[2]) }
    }
    #expect((value("vrbridge_device_reports_total", "head") ?? 0) > 100)
    #expect(value("vrbridge_device_connected", "left_hand") == 1)
    #expect(value("vrbridge_build_info", "-") == 1)
    #expect((value("process_resident_memory_bytes", "-") ?? 0) > 1e6)
    #expect((value("process_open_fds", "-") ?? 0) > 5)
    // Each report's way into the page is counted, and the last bucket holds all.
    let fused = lines.filter { $0[0] == "vrbridge_fusion_seconds_bucket" && $0[1] == "head" }
    #expect(
      fused.count > 5
        && fused.last?[2] == lines.first { $0[0] == "vrbridge_fusion_seconds_count" && $0[1] == "head" }?[2])
    #expect((value("vrbridge_fusion_seconds_count", "head") ?? 0) > 100)

    // The example for Grafana asks for nothing that is not there.
    let example = try String(contentsOfFile: TestPaths.root + "/docs/reference/grafana.json", encoding: .utf8)
    let asked = Set(example.matches(of: #/(?:vrbridge|process)_[a-z_]+/#).map { String($0.output) })
    let told = Set(metrics.body.matches(of: #/# TYPE ([a-z_]+) /#).map { String($0.output.1) })
    // Told only while there is something to tell: of batteries, models, drift at rest.
    let later = Set([
      "vrbridge_device_battery", "vrbridge_model_latency_seconds", "vrbridge_model_runs",
      "vrbridge_device_drift_degrees_per_minute",
    ])
    let missing = asked.filter { name in
      !told.union(later).contains { name == $0 || name == $0 + "_total" || name == $0 + "_bucket" }
    }
    #expect(missing.isEmpty && asked.count > 12, "\(missing)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
  }

  /// systemd's protocol: ready, signs of life, reloading, stopping.
  @Test func systemdIsTold() async throws {
    let folder = try TestPaths.temporaryFolder()
    let script = """
      import socket, sys
      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True)
      while True: print(repr(s.recv(4096).decode()), flush=True)
      """
    let listener = try Program("/usr/bin/env", ["python3", "-c", script, folder + "/notify"])
    #expect(await eventually { listener.output.contains("bound") })
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware"],
      environment: try environment(["NOTIFY_SOCKET": folder + "/notify", "WATCHDOG_USEC": "400000"]))
    #expect(await eventually { listener.output.contains("READY=1") }, "\(daemon.errors)")
    #expect(await eventually { listener.output.components(separatedBy: "WATCHDOG=1").count > 3 })
    daemon.signal(SIGHUP)
    #expect(await eventually { listener.output.contains("RELOADING=1\\nMONOTONIC_USEC=") })
    #expect(await eventually { listener.output.components(separatedBy: "READY=1").count > 2 })
    let start = Date()
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
    #expect(Date().timeIntervalSince(start) < 2)
    #expect(await eventually { listener.output.contains("STOPPING=1") })
    listener.signal(SIGKILL)
  }

  /// Where standard error is the journal's (systemd says which stream that is), levels go in front and times stay out.
  @Test func theJournalIsGivenLevels() async throws {
    let script = """
      import os, signal, socket, subprocess, sys
      signal.pthread_sigmask(signal.SIG_SETMASK, [])
      ours, theirs = socket.socketpair()
      info = os.fstat(theirs.fileno())
      environment = dict(os.environ, JOURNAL_STREAM=f"{info.st_dev}:{info.st_ino}")
      child = subprocess.Popen(sys.argv[1:], stderr=theirs, env=environment)
      theirs.close()
      signal.signal(signal.SIGTERM, lambda *_: child.terminate())
      while data := ours.recv(65536): print(data.decode(), end="", flush=True)
      sys.exit(child.wait())
      """
    let daemon = try Program(
      "/usr/bin/python3", ["-c", script, Program.folder + "/vrbridge", "run", "--no-hardware", "--demo"],
      environment: try environment())
    func lines() -> [String] { daemon.lines }
    #expect(await eventually { lines().contains { $0.hasPrefix("<5>demonstration: ") } }, "\(lines())")
    #expect(
      await eventually {
        lines().contains { $0.hasPrefix("<6>device arrived ") && $0.contains(" role=head") }
      })
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
    #expect(lines().allSatisfy { $0.prefixMatch(of: #/<[2-7]>[^0-9]/#) != nil }, "\(lines())")
  }

  @Test(
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze"), "needs systemd-analyze"))
  func theUnitIsWellFormedAndHasFewPrivileges() async throws {
    let folder = try TestPaths.temporaryFolder()
    // The program lies elsewhere on a machine that only tests.
    for unit in ["vrbridge.service", "vrbridge-user.service"] {
      let text = try String(contentsOfFile: TestPaths.root + "/systemd/" + unit, encoding: .utf8)
        .replacingOccurrences(of: "/usr/bin/vrbridge", with: "/bin/true")
        .replacingOccurrences(of: "Documentation=man:vrbridge(1)\n", with: "")
      try text.write(toFile: folder + "/" + unit, atomically: true, encoding: .utf8)
      let verified = try await Program.run(
        "/usr/bin/systemd-analyze", ["verify", "--man=no", folder + "/" + unit])
      #expect(verified.code == 0 && verified.errors.isEmpty, "\(unit): \(verified.errors)\(verified.output)")
    }
    // Exposure in tenths. A user manager cannot take capabilities away, which a user's processes do not have; the rating
    // counts them all the same.
    for (unit, bound) in [("vrbridge.service", 18), ("vrbridge-user.service", 65)] {
      let security = try await Program.run(
        "/usr/bin/systemd-analyze",
        ["security", "--offline=yes", "--threshold=\(bound)", "--no-pager", folder + "/" + unit])
      #expect(security.code == 0, "\(unit): \(security.output.suffix(200))\(security.errors)")
      // What the rating does not count.
      let text = try String(contentsOfFile: folder + "/" + unit, encoding: .utf8)
      for limit in ["LimitNOFILE=", "MemoryMax=", "TasksMax="] {
        #expect(text.split(separator: "\n").contains { $0.hasPrefix(limit) }, "\(unit): \(limit)")
      }
    }
  }

  /// systemd's own socket activation: the socket is there before the bridge, which begins with the first client.
  @Test(
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-socket-activate"), "needs systemd"))
  func theSocketMayBeThereFirst() async throws {
    let folder = try TestPaths.temporaryFolder()
    let socket = folder + "/s"
    var environment = try environment()
    environment["VRBRIDGE_SOCKET"] = socket
    let program = Program.folder + "/vrbridge"
    // It closes what it inherited, which Foundation's Process takes for its end: a shell stands between them.
    let activator = try Program(
      "/bin/sh",
      [
        "-c",
        "systemd-socket-activate -l \(socket) \(program) run --no-hardware --demo --socket \(socket); echo ended $?",
      ], environment: environment)
    #expect(await eventually { FileManager.default.fileExists(atPath: socket) }, "\(activator.errors)")
    #expect(!activator.errors.contains("Execing"))
    // The first client wakes the bridge, and may be answered before its devices are there.
    #expect(
      try await eventually {
        let devices = try await Program.run(program, ["devices"], environment: environment)
        return devices.code == 0 && devices.output.contains("HTC Vive")
      }, "\(activator.errors)")
    // It is systemd's: the bridge leaves it.
    _ = try await Program.run("/usr/bin/pkill", ["-TERM", "-f", "demo --socket \(socket)$"])
    #expect(await eventually(within: 5) { activator.output.contains("ended 0") }, "\(activator.errors)")
    #expect(FileManager.default.fileExists(atPath: socket))
  }
}
