import Foundation
import Glibc
import TestSupport
import Testing

/// `vrbridge inject-pose`: poses of another program as lines of text.
struct InjectPoseCommandTests {
  /// Runs the command with a file as its standard input.
  private func inject(
    _ lines: [String], _ arguments: [String], _ environment: [String: String], command: String = "inject-pose"
  ) async throws -> (code: Int32?, output: String, errors: String) {
    let file = try TestPaths.temporaryFolder() + "/lines"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    return try await Program.run(
      "/bin/sh",
      [
        "-c", "program=$0; file=$1; shift; exec \"$program\" \(command) \"$@\" < \"$file\"",
        Program.folder + "/vrbridge", file,
      ]
        + arguments, environment: environment)
  }

  private func poses(_ count: Int, _ environment: [String: String]) async throws -> [[String: Any]] {
    let watch = try await Program.run(
      "vrbridge", ["watch", "--json", "--count", String(count)], environment: environment)
    return try watch.output.split(separator: "\n").map {
      try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func externalPosesMoveADevice() async throws {
    let environment = [
      "VRBRIDGE_SOCKET": try TestPaths.temporaryFolder() + "/s", "XDG_CONFIG_HOME": "/nonexistent",
      "XDG_STATE_HOME": try TestPaths.temporaryFolder(),
    ]
    let alone = try await inject(["{}"], [], environment)
    #expect(alone.code != 0 && alone.errors.contains("start one with 'vrbridge run'"), "\(alone)")

    let daemon = try Program("vrbridge", ["run", "--no-hardware", "--demo"], environment: environment)
    try #require(await eventually { daemon.errors.contains("role=left_hand") })
    // The head moves a little about the injected position. A file is read no faster than the bridge accepts it.
    let line = "{\"position\": [5, 1.5, -2], \"orientation\": [0, 0, 0, 1]}"
    let good = try await inject(
      Array(repeating: line, count: 400) + [""], ["head", "--sigma", "0.3", "--sigma-angle", "40"],
      environment)
    #expect(good.code == 0 && good.output.contains("400 measurements taken, 0 lines refused"), "\(good)")
    let seen = try await poses(30, environment).filter { $0["role"] as? String == "head" }
    let newest = try #require(seen.last)
    // With these deviations the position is dead-reckoned for a fifth of a second, then held.
    let flags = try #require(newest["flags"] as? [String])
    #expect(flags.contains("position_valid") && !flags.contains("position_modelled"), "\(newest)")
    #expect(((newest["position"] as? [Double])?.first).map { abs($0 - 5) < 1 } == true, "\(newest)")

    // A tracker with other axes and a world with Z up: both are estimated while the hand moves, and stored.
    let file = try TestPaths.temporaryFolder() + "/alignment.json"
    func follow(_ arguments: String, seconds: Double) async throws -> (
      code: Int32?, output: String, errors: String
    ) {
      let program = Program.folder + "/vrbridge"
      return try await Program.run(
        "/bin/sh",
        [
          "-c",
          "'\(program)' watch --json | python3 '\(TestPaths.root)/Tests/Python/turned_tracker.py' right_hand \(seconds) | '\(program)' inject-pose right_hand \(arguments)",
        ], environment: environment, within: 60)
    }
    let refused = try await follow("--align 60", seconds: 1)
    #expect(refused.code == 2 && refused.errors.contains("ended before the device was aligned"), "\(refused)")
    let aligned = try await follow("--align 6 --alignment \(file)", seconds: 9)
    #expect(
      aligned.code == 0 && aligned.output.contains("world turned by 90.0° to have Y up"), "\(aligned)")
    let kept = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
    let turn = try #require(kept["device_from_body"] as? [Double])
    // The body's axes are the device's, turned: (0.5, −0.1, 0.7, 0.5), either sign.
    #expect(abs(zip(turn, [0.5, -0.1, 0.7, 0.5]).reduce(0) { $0 + $1.0 * $1.1 }) > 0.9999, "\(turn)")
    #expect((kept["delay_ms"] as? Double).map { abs($0 - 40) < 5 } == true, "\(kept)")
    let again = try await follow("--alignment \(file)", seconds: 1)
    #expect(again.code == 0 && again.output.contains("0 lines refused"), "\(again)")
    let hand = try #require(try await poses(40, environment).last { $0["role"] as? String == "right_hand" })
    let shown = try #require(hand["position"] as? [Double])
    #expect(zip(shown, [3, 1, -2]).allSatisfy { abs($0 - $1) < 1 }, "\(hand)")
    let none = try await inject([line], ["head", "--alignment", file + ".none"], environment)
    #expect(none.code == 2 && none.errors.contains("make one with --align"), "\(none)")

    // Invalid lines are reported one by one; the others are used. The former name of the command still works.
    let mixed = try await inject(
      [
        line, "no JSON", "{\"orientation\": [0, 0, 0, 1]}", "{\"position\": [1, 2]}",
        "{\"device\": 77, \"position\": [1, 2, 3]}", "{\"position\": [1, 2, 1e9]}",
        "{\"position\": \"there\"}",
        "{\"device\": \"htc-vive/DEMO-HEAD\", \"position\": [5, 1.5, -2], \"sigma_position\": 1, \"point\": [0, 0, 0.1]}",
      ], ["DEMO-HEAD", "--sigma", "0.5"], environment, command: "place")
    #expect(mixed.errors.contains("'place' is deprecated; use 'inject-pose'"), "\(mixed.errors)")
    #expect(mixed.code == 2 && mixed.output.contains("2 measurements taken, 6 lines refused"), "\(mixed)")
    for (number, reason) in [
      (2, "no JSON object"), (3, "'position' is missing"), (4, "has 2 numbers, not 3"),
      (5, "no device matches '77'"), (6, "within 10000 m"), (7, "'position' has the wrong type"),
    ] {
      #expect(
        mixed.errors.split(separator: "\n").contains {
          $0.hasPrefix("line \(number): ") && $0.contains(reason)
        },
        "\(number): \(mixed.errors)")
    }
    let devices = try await Program.run("vrbridge", ["devices"], environment: environment)
    #expect(devices.output.contains("external poses: "), "\(devices.output)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 10) == 0)
  }
}
