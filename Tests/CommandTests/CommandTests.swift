import Devices
import Foundation
import TestSupport
import Testing

/// The program as a user runs it.
@Suite(.serialized)
struct CommandTests {
  private func vrbridge(
    _ arguments: [String], environment: [String: String] = [:], within seconds: Double = 20
  ) async throws -> (code: Int32?, output: String, errors: String) {
    try await Program.run("vrbridge", arguments, environment: quiet(environment), within: seconds)
  }

  /// Nothing of the machine's own bridge and configuration.
  private func quiet(_ extra: [String: String] = [:]) -> [String: String] {
    [
      "VRBRIDGE_SOCKET": "/tmp/vrb-none/s", "XDG_CONFIG_HOME": "/nonexistent", "HOME": "/nonexistent",
      "TERM": "dumb",
    ]
    .merging(extra) { $1 }
  }

  @Test func helpAndVersion() async throws {
    let help = try await vrbridge(["--help"])
    #expect(help.code == 0)
    for name in ["run", "watch", "devices", "emulate", "doctor", "udev-rules"] {
      #expect(help.output.contains(name))
    }
    #expect(try await vrbridge(["--version"]).output == "0.1.0\n")
  }

  @Test(arguments: [
    (["run", "--nonsense"], 64, "Unknown option"),
    (["run", "--device", "file.hid"], 64, "recorded:FILE"),
    (["run", "--device", "recorded:/nonexistent.hid"], 2, "can't be read"),
    (["run", "--device", "recorded:x,speed=0"], 64, "speed=0"),
    (["run", "--config", "/nonexistent.yaml"], 2, "can't be read"),
    (["run", "--log-level", "loud"], 64, "loud"),
    (["run", "--descriptions", "/nonexistent"], 2, "cannot be read"),
    (["watch"], 2, "no bridge answers"),
    (["watch", "--role", "tail"], 64, "tail"),
    (["emulate", "nothing", "--out", "x"], 64, "supported:"),
    (["emulate", "oculus-dk2"], 64, "--out FILE, --uhid and --usb"),
    (["emulate", "oculus-dk2", "--part", "x", "--out", "/tmp/x"], 64, "has no part 'x'"),
    (["devices", "record", "nothing", "/tmp/x.hid"], 2, "no attached device"),
  ])
  func wrongInputEndsWithOneSentence(_ arguments: [String], _ code: Int, _ message: String) async throws {
    let result = try await vrbridge(arguments)
    #expect(result.code == Int32(code), "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
    #expect(!result.errors.contains("Fatal"))
  }

  @Test func theConfigurationInForceSaysWhereEachValueCameFrom() async throws {
    let file = try TestPaths.temporaryFolder() + "/c.yaml"
    try "devices:\n  hardware: false\nlog:\n  level: debug\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let result = try await vrbridge(
      ["run", "--config", file, "--socket", "/tmp/x", "--print-config"],
      environment: ["VRBRIDGE_LOG_LEVEL": "error"])
    #expect(result.code == 0)
    func line(_ key: String) -> String {
      result.output.split(separator: "\n").map(String.init).first { $0.contains(" \(key):") } ?? ""
    }
    #expect(line("hardware").hasSuffix("# \(file):2") && line("hardware").contains("false"))
    #expect(line("level").hasSuffix("# VRBRIDGE_LOG_LEVEL") && line("level").contains("error"))
    #expect(line("path").hasSuffix("# --socket"))
    #expect(line("max_clients").hasSuffix("# default"))
    // What is printed is itself a configuration.
    let again = try TestPaths.temporaryFolder() + "/d.yaml"
    try result.output.write(toFile: again, atomically: true, encoding: .utf8)
    #expect(try await vrbridge(["run", "--config", again, "--print-config"]).code == 0)
  }

  @Test(arguments: [
    ("devices:\n  hardwear: true\n", ":2:3: ", "hardware"),
    ("log:\n  level: loud\n", ":2:10: ", "trace, debug"),
    ("socket:\n  max_clients: 0\n", ":2:16: ", "1 to 10000"), ("devices: [\n", ":", "not YAML"),
    ("devices:\n  recorded: [\"x,fast\"]\n", ":2:14: ", "speed=N"),
    ("devices:\n  roles: { A: tail }\n", ":2:15: ", "left_hand"),
  ])
  func aWrongConfigurationIsRefusedWithItsPlace(_ text: String, _ place: String, _ message: String)
    async throws
  {
    let file = try TestPaths.temporaryFolder() + "/c.yaml"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let result = try await vrbridge(["run", "--config", file])
    #expect(result.code == 2)
    #expect(result.errors.contains(file + place), "\(result.errors)")
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  @Test func udevRulesNameEveryFamilyAndOpenNothingToEverybody() async throws {
    let rules = try await vrbridge(["udev-rules"]).output
    for rule in [
      "0003:28DE:2000.*", "0003:28DE:2101.*", "0003:2833:0021.*", "0005:054C:0CE6.*", "0003:1209:0009.*",
    ] {
      #expect(rules.contains("KERNELS==\"\(rule)\", TAG+=\"uaccess\""))
    }
    #expect(!rules.contains("666"))
    #expect(!rules.contains("GROUP"))
    #expect(try await vrbridge(["udev-rules", "--group", "vr"]).output.contains("GROUP=\"vr\""))
  }

  @Test func doctorAndDevicesWorkWithNothingAttached() async throws {
    let doctor = try await vrbridge(["doctor", "--json"])
    for line in doctor.output.split(separator: "\n") {
      let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(object["subject"] is String && object["status"] is String)
    }
    #expect(doctor.output.contains("HTC Vive"))
    let known = try await vrbridge(["devices", "--known"])
    #expect(known.output.contains("28de:2000"))
  }

  /// The daemon and a watcher as two processes, on a file that `emulate` wrote.
  @Test func emulateRunWatchAndTerminate() async throws {
    let folder = try TestPaths.temporaryFolder()
    let recording = folder + "/dk2.hid.gz"
    let made = try await vrbridge(["emulate", "oculus-dk2", "--out", recording, "--duration", "2"])
    #expect(made.code == 0, "\(made.errors)")
    let environment = quiet(["VRBRIDGE_SOCKET": folder + "/s"])
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--device", "recorded:\(recording),wait"], environment: environment
    )
    try #require(await eventually { FileManager.default.fileExists(atPath: folder + "/s") })
    let watch = try await Program.run(
      "vrbridge", ["watch", "--json", "--count", "500"], environment: environment, within: 20)
    #expect(watch.code == 0, "\(watch.errors)")
    let lines = watch.output.split(separator: "\n")
    #expect(lines.count == 500)
    let object = try #require(
      JSONSerialization.jsonObject(with: Data((lines.first ?? "").utf8)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "device", "role", "captured_ns", "received_ns", "seen_ns", "orientation", "position",
        "angular_velocity", "linear_velocity",
        "flags",
        "uncertainty",
      ])
    // The neck's: an estimate that says so.
    #expect((object["position"] as? [Double])?.count == 3)
    #expect((object["flags"] as? [String])?.contains("position_modelled") == true)
    #expect((object["flags"] as? [String])?.contains("position_tracked") == false)
    #expect(object["role"] as? String == "head")
    #expect((object["orientation"] as? [Double])?.count == 4)
    #expect((object["flags"] as? [String])?.contains("recorded") == true)
    let begin = Date()
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
    #expect(Date().timeIntervalSince(begin) < 1)
    #expect(!FileManager.default.fileExists(atPath: folder + "/s"))
  }

  @Test func hangUpReadsTheConfigurationAgainAndRefusesAWrongOne() async throws {
    let folder = try TestPaths.temporaryFolder()
    let file = folder + "/c.yaml"
    try "devices: { hardware: false, demo: always }\n".write(toFile: file, atomically: true, encoding: .utf8)
    let environment = quiet(["VRBRIDGE_SOCKET": folder + "/s"])
    let daemon = try Program("vrbridge", ["run", "--config", file], environment: environment)
    try #require(await eventually { daemon.errors.contains("device arrived") })
    try "devices: { hardware: false, demo: always, roles: { DEMO-LEFT: waist } }\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    daemon.signal(SIGHUP)
    try #require(await eventually { daemon.errors.contains("read again") })
    try #require(
      await eventually {
        try await Program.run("vrbridge", ["devices"], environment: environment).output.contains("waist")
      })
    try "devices: { hardwear: true }\n".write(toFile: file, atomically: true, encoding: .utf8)
    daemon.signal(SIGHUP)
    try #require(await eventually { daemon.errors.contains("reload failed") })
    #expect(daemon.isRunning)
    daemon.signal(SIGINT)
    #expect(await daemon.exitCode(within: 5) == 0)
  }

  @Test func aKilledDaemonLeavesNothingInTheWay() async throws {
    let folder = try TestPaths.temporaryFolder()
    let environment = quiet(["VRBRIDGE_SOCKET": folder + "/s"])
    for _ in 0..<2 {
      let daemon = try Program("vrbridge", ["run", "--no-hardware", "--demo"], environment: environment)
      try #require(await eventually { daemon.errors.contains("device arrived") })
      let watch = try await Program.run(
        "vrbridge", ["watch", "--json", "--count", "5"], environment: environment)
      #expect(watch.code == 0, "\(watch.errors)")
      daemon.signal(SIGKILL)
      _ = await daemon.exitCode(within: 5)
    }
  }
}

/// What the issue asks of the real recordings, through two real processes.
@Suite(.serialized, .enabled(if: TestPaths.hasCorpus, "needs VRBRIDGE_CORPUS"))
struct RealRecordingTests {
  struct Line {
    var captured: Int64
    var orientation: [Double]
    var flags: [String]
  }

  private func watch(_ name: String, speed: Int = 2) async throws -> (lines: [Line], errors: String) {
    let folder = try TestPaths.temporaryFolder()
    let environment = ["VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": "/nonexistent"]
    let file = TestPaths.vive("hid-recorder/\(name)")
    let seconds = Double(try HIDRecording.read(path: file).duration) / 1e9 / Double(speed)
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--device", "recorded:\(file),speed=\(speed),wait"],
      environment: environment)
    try #require(await eventually { daemon.errors.contains("device arrived") })
    let watch = try Program("vrbridge", ["watch", "--json"], environment: environment)
    try #require(await eventually(within: seconds + 20) { daemon.errors.contains("device lost") })
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
    watch.signal(SIGTERM)
    _ = await watch.exitCode(within: 5)
    let lines = try watch.lines.map { line in
      let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return Line(
        captured: try #require(object["captured_ns"] as? Int64),
        orientation: try #require(object["orientation"] as? [Double]),
        flags: try #require(object["flags"] as? [String]))
    }
    return (lines, daemon.errors)
  }

  private func degrees(_ a: [Double], _ b: [Double]) -> Double {
    let dot = abs(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 })
    return 2 * acos(min(1, dot)) * 180 / .pi
  }

  @Test(arguments: [
    ("vive_wand_wired_imu_still.hid.gz", 2503), ("vive_hmd_imu_wake.hid.gz", 7998),
    ("vive_wand_wired_imu_quick.hid.gz", 3752),
  ])
  func posesFollowWithoutJumps(_ name: String, _ count: Int) async throws {
    let (lines, errors) = try await watch(name)
    #expect(lines.count == count)
    #expect(errors.contains("calibration=factory"))
    var largest = 0.0
    let start = try #require(lines.first).captured
    for (a, b) in zip(lines, lines.dropFirst()) {
      #expect(b.captured > a.captured)
      let step = degrees(a.orientation, b.orientation)
      // The first rest, one second in, shows the bias (here 1 °/s) and what it did to the tilt.
      if b.captured - start < 1_500_000_000, !name.contains("quick") {
        #expect(step < 1)
      } else {
        largest = max(largest, step)
      }
    }
    // 1,000 °/s at 250 Hz are 4° from sample to sample; the still ones move by noise only.
    #expect(largest < (name.contains("quick") ? 5 : 0.5), "\(largest)°")
    if name.contains("still") { #expect(lines.last?.flags.contains("at_rest") == true) }
  }

  /// The radio capture: 250 samples a second, decoded from the dongle's frames. It may be of any length.
  @Test func wirelessWand() async throws {
    let (lines, _) = try await watch("vive_wand_wireless_buttons_dark.hid.gz", speed: 8)
    #expect(lines.count > 4000)
  }
}
