import Foundation
import Glibc
import MCAP
import SessionLog
import Spatial
import TestSupport
import Testing
import SessionTools

@testable import Bridge

/// Sessions by the command line, as a user has them.
@Suite(.serialized)
struct SessionCommandTests {
  private static func monotonic() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
  }

  /// One bridge that records from its start and is killed some time later.
  ///
  /// - Returns: nil when it was killed before its recording began.
  private static func killed(after seconds: Double, folder: String) async throws -> (
    file: String, at: UInt64
  )? {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let file = folder + "/k.mcap"
    let text =
      "devices: { hardware: false, demo: always }\nrecord: { path: \"\(file)\" }\nlog: { level: critical }\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
    let program = try Program(
      "vrbridge",
      [
        "run", "--config", folder + "/c.yaml", "--socket", folder + "/s", "--descriptions",
        TestPaths.descriptions,
      ])
    let started = await eventually(within: 20) { FileManager.default.fileExists(atPath: file) }
    guard started else { return nil }
    try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    let now = monotonic()
    program.signal(SIGKILL)
    _ = await program.exitCode(within: 5)
    return (file, now)
  }

  /// 200 bridges, killed at random moments of their recordings: nothing that is older than a quarter of a second is
  /// lost, and what is there is as it was computed.
  @Test func aKilledRecordingLosesNoMoreThanAQuarterOfASecond() async throws {
    let folder = try TestPaths.temporaryFolder()
    let count = 200
    var random = SystemRandomNumberGenerator()
    let moments = (0..<count).map { _ in Double.random(in: 0.05...0.9, using: &random) }
    var worst = 0.0
    var states: UInt64 = 0
    // Two at a time, as many as a small machine has cores.
    for first in stride(from: 0, to: count, by: 2) {
      let results = try await withThrowingTaskGroup(of: (file: String, at: UInt64)?.self) { group in
        for index in first..<min(first + 2, count) {
          group.addTask { try await Self.killed(after: moments[index], folder: "\(folder)/\(index)") }
        }
        return try await group.reduce(into: [(file: String, at: UInt64)?]()) { $0.append($1) }
      }
      for case let (file, killedAt)? in results {
        var newest: UInt64 = 0
        let reader = try SessionReader(path: file)
        try reader.read(wanted: { if case .report = $0 { true } else { false } }) { _, place in
          newest = max(newest, place.logTime)
          return .goOn
        }
        let began = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        #expect(began > 0)
        if newest > 0 {
          worst = max(worst, Double(killedAt &- min(newest, killedAt)) * 1e-9)
        }
        let result = try SessionVerifier(path: file).run()
        #expect(result.difference == nil, "\(file): \(result)")
        states += result.states
      }
      for index in first..<min(first + 2, count) {
        try? FileManager.default.removeItem(atPath: "\(folder)/\(index)")
      }
    }
    #expect(worst < 0.25 && states > UInt64(count) * 200, "\(worst) s, \(states) states")
  }

  /// The same files give the same bits today as they did when this was written. A change of the digests is a change of what
  /// users' sessions verify to: it is for the change log. glibc computes sines with fused multiply-add where it can.
  @Test(
    .enabled(if: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains(" fma ") == true),
    arguments: [
      ("emulated", "f5e1ed54fa600914b55a5281956094a3251892b549f11b99d54580a98fb3a97b"),
      ("vive_hmd_imu_wake", "1695181f46ee304db4be1c7a4ff82244762bbb07db331149a48d4e58b22248c0"),
    ])
  func theDigestOfAKnownSessionIsWhatItWas(_ name: String, _ digest: String) async throws {
    let folder = try TestPaths.temporaryFolder()
    var file = folder + "/e.hid"
    if name == "emulated" {
      let made = try await Program.run(
        "vrbridge",
        ["emulate", "htc-vive", "--out", file, "--duration", "5", "--descriptions", TestPaths.descriptions])
      #expect(made.code == 0, "\(made.errors)")
    } else {
      guard TestPaths.hasCorpus else { return }
      file = TestPaths.vive("hid-recorder/\(name).hid.gz")
    }
    let session = folder + "/s.mcap"
    let imported = try await Program.run(
      "vrbridge",
      ["import", "--from", "hid-recorder", file, session, "--descriptions", TestPaths.descriptions])
    #expect(imported.code == 0, "\(imported.errors)")
    let release = ProcessInfo.processInfo.environment["VRBRIDGE_RELEASE"]
    for program in ["vrbridge"] + (release.map { [$0] } ?? []) {
      let result = try await Program.run(program, ["replay", session, "--verify"], within: 60)
      #expect(result.code == 0 && result.output.hasSuffix(digest + "\n"), "\(program): \(result)")
    }
  }

  @Test func recordInfoReplayExportImport() async throws {
    let folder = try TestPaths.temporaryFolder()
    func vrbridge(_ arguments: String..., code: Int32 = 0) async throws -> String {
      let result = try await Program.run(
        "vrbridge", arguments, environment: ["VRBRIDGE_SOCKET": folder + "/s"], within: 60)
      #expect(result.code == code, "\(arguments): \(result.output) \(result.errors)")
      return result.output + result.errors
    }
    let bridge = try Program(
      "vrbridge", ["run", "--demo", "--no-hardware", "--descriptions", TestPaths.descriptions],
      environment: ["VRBRIDGE_SOCKET": folder + "/s"])
    await eventually { FileManager.default.fileExists(atPath: folder + "/s") }
    let session = folder + "/a.mcap"
    let told = try await vrbridge("record", session, "--duration", "1.2")
    #expect(told.contains("no drops") && told.contains(session))
    #expect(try await vrbridge("record", session, code: 2).contains("File exists"))
    #expect(try await vrbridge("record", "--stop", code: 2).contains("no recording is running"))
    bridge.signal(SIGTERM)
    #expect(await bridge.exitCode(within: 5) == 0)

    #expect(try await vrbridge("info", session).contains("/devices/1/imu/report"))
    let json = try await vrbridge("info", session, "--json")
    #expect(
      (try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])?["complete"] as? Bool
        == true)
    let verified = try await vrbridge("replay", session, "--verify").split(separator: "\n")
    #expect(verified.contains("equal, bit for bit") && verified.last?.count == 64)

    // A release build computes the same bits as this one; CI says where it is.
    if let release = ProcessInfo.processInfo.environment["VRBRIDGE_RELEASE"] {
      let result = try await Program.run(release, ["replay", session, "--verify"], within: 60)
      #expect(result.output.split(separator: "\n").last == verified.last, "\(result)")
    }

    // A second opinion, and what it differs by.
    try Data("bias_walk: 0.002\n".utf8).write(to: URL(fileURLWithPath: folder + "/f.yaml"))
    _ = try await vrbridge("replay", session, "--with", folder + "/f.yaml", "--output", folder + "/b.mcap")
    #expect(try await vrbridge("replay", folder + "/b.mcap", "--verify").contains("equal, bit for bit"))
    #expect(try await vrbridge("compare", session, session).contains("0.000   0.000   0.000"))
    let compared = try await vrbridge(
      "compare", session, folder + "/b.mcap", "--json", "--plot", folder + "/c.png", code: 1)
    #expect(compared.contains("\"orientation_deg\""))
    #expect(FileManager.default.fileExists(atPath: folder + "/c.png"))

    // EuRoC: exported, imported and exported again, the same files.
    _ = try await vrbridge("export", session, folder + "/e1", "--to", "euroc")
    _ = try await vrbridge("import", "--from", "euroc", folder + "/e1", folder + "/e.mcap")
    _ = try await vrbridge("export", folder + "/e.mcap", folder + "/e2", "--to", "euroc")
    let different = try await Program.run("/usr/bin/diff", ["-r", folder + "/e1/mav0", folder + "/e2/mav0"])
    #expect(different.code == 0, "\(different.output)")
    #expect(try await vrbridge("replay", folder + "/e.mcap", "--verify").contains("equal, bit for bit"))

    // The reports as a hid-recorder file are the same device again.
    _ = try await vrbridge("export", session, folder + "/h", "--to", "hid-recorder")
    _ = try await vrbridge(
      "import", "--from", "hid-recorder", folder + "/h/device-1.hid.gz", folder + "/h.mcap", "--descriptions",
      TestPaths.descriptions)
    #expect(try await vrbridge("replay", folder + "/h.mcap", "--verify").contains("equal, bit for bit"))
    _ = try await vrbridge("export", session, folder + "/t", "--to", "csv")
    let table = try String(contentsOfFile: folder + "/t/device-1-states.csv", encoding: .utf8)
    #expect(table.split(separator: "\n").count > 1000)

    // Cut in the middle, and made whole again.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: session))
    try bytes.prefix(bytes.count * 3 / 4).write(to: URL(fileURLWithPath: folder + "/cut.mcap"))
    #expect(try await vrbridge("info", folder + "/cut.mcap").contains("NOT FINISHED"))
    _ = try await vrbridge("recover", folder + "/cut.mcap", folder + "/whole.mcap")
    #expect(try await vrbridge("info", folder + "/whole.mcap").contains("whole"))
    #expect(try await vrbridge("replay", folder + "/whole.mcap", "--verify").contains("equal, bit for bit"))
    let python = try await Program.run(
      TestPaths.python, [TestPaths.root + "/Tests/Python/decode_session.py", folder + "/whole.mcap"],
      within: 60)
    #expect(python.code == 0, "\(python.errors)")

    // Changed in one bit of one state, it is said where.
    // One place may be an index, which a replay does not need.
    var noticed = 0
    for share in [0.4, 0.5, 0.6] {
      var damaged = [UInt8](bytes)
      damaged[Int(Double(damaged.count) * share)] ^= 1
      try Data(damaged).write(to: URL(fileURLWithPath: folder + "/bit.mcap"))
      let found = try await Program.run("vrbridge", ["replay", folder + "/bit.mcap", "--verify"], within: 60)
      if found.code != 0 || found.errors.contains("byte ") { noticed += 1 }
    }
    #expect(noticed >= 2)

    // What is no session gives one sentence.
    for wrong in ["/nonexistent.mcap", folder + "/t", folder + "/f.yaml"] {
      for command in [["info", wrong], ["replay", wrong], ["replay", wrong, "--verify"]] {
        let result = try await Program.run(
          "vrbridge", command, environment: ["VRBRIDGE_SOCKET": folder + "/n"])
        #expect(result.code == 2 && result.errors.split(separator: "\n").count == 1, "\(command): \(result)")
      }
    }
  }
}
