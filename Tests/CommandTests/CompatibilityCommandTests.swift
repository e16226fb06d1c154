import Foundation
import TestSupport
import Testing

/// Commands, options and configuration keys of release 0.1.
struct CompatibilityCommandTests {
  private struct Dump: Decodable { var command: HelpTests.Command }

  private static let folder = TestPaths.root + "/Tests/Fixtures/compatibility/0.1"

  /// Options by command, without the program's name. Commands that `vrbridge` hands over have those of
  /// `vrbridge-eval`.
  private func commands() async throws -> [String: Set<String>] {
    var result: [String: Set<String>] = [:]
    for program in ["vrbridge", "vrbridge-eval"] {
      let help = try await Program.run(program, ["--experimental-dump-help"])
      let root = try JSONDecoder().decode(Dump.self, from: Data(help.output.utf8)).command
      for (words, command) in root.all() {
        let options = (command.arguments ?? []).flatMap { $0.names ?? [] }.map { "--" + $0.name }
        result[words.dropFirst().joined(separator: " "), default: []].formUnion(options)
      }
    }
    return result
  }

  /// Old and new names in the tables "Renamed" of the changelog.
  private func renames() throws -> [String: String] {
    let text = try String(contentsOfFile: TestPaths.root + "/CHANGELOG.md", encoding: .utf8)
    var result: [String: String] = [:]
    for section in text.components(separatedBy: "\n### ") where section.hasPrefix("Renamed") {
      for row in section.split(separator: "\n") where row.hasPrefix("| `") {
        let names = row.split(separator: "|").map { $0.matches(of: #/`([^`]*)`/#).map { String($0.1) } }
        guard names.count >= 2 else { continue }
        for (old, new) in zip(names[0], names[1]) { result[old] = new }
      }
    }
    return result
  }

  @Test func commandsAndOptionsExistOrAreListedAsRenamed() async throws {
    let commands = try await commands()
    let renames = try renames()
    var compared = 0
    for line in try String(contentsOfFile: Self.folder + "/commands.txt", encoding: .utf8).split(
      separator: "\n")
    {
      let sides = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let name = sides[0].split(separator: " ").dropFirst().joined(separator: " ")
      var present = commands[name]
      if present == nil, let new = renames[sides[0]] {
        present = commands[new.split(separator: " ").dropFirst().joined(separator: " ")]
      }
      guard let present else {
        Issue.record("'\(sides[0])' is gone, and the changelog names no replacement")
        continue
      }
      compared += 1
      for option in sides[1].split(separator: " ").map(String.init) {
        let isListed = renames["\(sides[0]) \(option)"].map { new in
          present.contains { new.hasSuffix($0) }
        }
        #expect(present.contains(option) || isListed == true, "\(sides[0]) \(option)")
        compared += 1
      }
    }
    #expect(compared == 316)
  }

  @Test func aRenamedCommandIsStillAccepted() async throws {
    let help = try await Program.run("vrbridge", ["place", "--help"])
    #expect(help.code == 0 && help.output.contains("--sigma-angle"), "\(help)")
  }

  @Test func everyConfigurationKeyIsAccepted() async throws {
    let folder = try TestPaths.temporaryFolder()
    let file = folder + "/vrbridge.yaml"
    let recording = folder + "/a.hid"
    let emulated = try await Program.run(
      "vrbridge",
      [
        "emulate", "oculus-dk2", "--out", recording, "--duration", "0.1", "--descriptions",
        TestPaths.descriptions,
      ])
    try #require(emulated.code == 0, "\(emulated.errors)")
    // The recording must exist.
    try String(contentsOfFile: Self.folder + "/vrbridge.yaml", encoding: .utf8)
      .replacing("/tmp/a.hid", with: recording)
      .write(toFile: file, atomically: true, encoding: .utf8)
    let result = try await Program.run(
      "vrbridge", ["run", "--config", file, "--print-config"],
      environment: ["HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"])
    #expect(result.code == 0, "\(result.errors)")
    // Each value is printed with its line in the file.
    let printed = result.output.split(separator: "\n").map(String.init)
    #expect(printed.count { $0.contains("# \(file):") } > 105, "\(result.output)")
    for (key, value) in [
      ("demo", "if-no-headset"), ("port", "6970"), ("max_clients", "12"), ("realtime_priority", "5"),
      ("at_once", "2"), ("requests_per_second", "500"), ("rate_hz", "50"), ("movements", "network"),
      ("merge", "false"), ("wake_model", "wake-word"), ("context_tokens", "1000"), ("buffer_mb", "16"),
      ("level", "debug"),
    ] {
      #expect(
        printed.contains { $0.contains(" \(key): ") && $0.contains(value) && $0.contains("# \(file):") },
        "\(key): \(value)")
    }
  }
}
