import CommandSupport
import Foundation
import TestSupport
import Testing

/// What a newcomer meets: completions, progress, own descriptions, the table's messages, names of options.
struct FirstUseTests {
  private let folder: String

  init() throws { folder = try TestPaths.temporaryFolder() }

  private var environment: [String: String] {
    [
      "HOME": folder, "XDG_CONFIG_HOME": folder + "/config", "VRBRIDGE_STATE": folder + "/state",
      "VRBRIDGE_MODELS": folder + "/models", "VRBRIDGE_SOCKET": folder + "/none", "TERM": "dumb",
      "VRBRIDGE_OPENVINO": folder + "/openvino", "VRBRIDGE_SHERPA_ONNX": folder + "/sherpa-onnx",
    ]
  }

  private func vrbridge(
    _ arguments: String..., environment more: [String: String] = [:]
  ) async throws -> (code: Int32?, output: String, errors: String) {
    try await Program.run(
      "vrbridge", arguments, environment: environment.merging(more) { $1 }, within: 40)
  }

  // MARK: descriptions

  @Test func ownDescriptionsAddAndReplaceInEveryCommand() async throws {
    let own = folder + "/config/vrbridge/devices"
    try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
    let shipped = try String(contentsOfFile: TestPaths.descriptions + "/oculus-dk2.yaml", encoding: .utf8)
    let name = try #require(shipped.firstMatch(of: #/\nname: (.*)\n/#)).1
    try shipped.replacing("\nname: \(name)\n", with: "\nname: My DK2\n")
      .write(toFile: own + "/a.yaml", atomically: true, encoding: .utf8)
    let known = try await vrbridge("devices", "--known")
    #expect(known.code == 0 && known.output.contains("My DK2"), "\(known)")
    #expect(!known.output.contains(" \(name) ") && known.output.contains("htc-vive"), "\(known)")
    // A named folder adds.
    let named = folder + "/named"
    try FileManager.default.createDirectory(atPath: named, withIntermediateDirectories: true)
    try shipped.replacing("family: oculus-dk2", with: "family: mine")
      .write(toFile: named + "/mine.yaml", atomically: true, encoding: .utf8)
    let added = try await vrbridge("devices", "--known", "--descriptions", named)
    for text in ["mine ", "My DK2", "htc-vive"] { #expect(added.output.contains(text), "\(added)") }
    let emulated = try await vrbridge(
      "emulate", "mine", "--descriptions", named, "--out", folder + "/m.hid", "--duration", "1")
    #expect(emulated.code == 0, "\(emulated)")
    let rules = try await vrbridge("udev-rules", environment: ["VRBRIDGE_DEVICES": named])
    #expect(rules.code == 0 && rules.output.contains("28DE"), "\(rules)")
    // A broken own file is named, and the shipped family stays.
    try "family: [".write(toFile: own + "/a.yaml", atomically: true, encoding: .utf8)
    let broken = try await vrbridge("devices", "--known")
    #expect(broken.code == 2 && broken.errors.contains("a.yaml"), "\(broken)")
    #expect(broken.output.contains(String(name)), "\(broken)")
  }

  // MARK: names

  @Test func theVersionOfAModelHasANameOfItsOwn() async throws {
    let program = try await vrbridge("models", "show", "--version")
    #expect(program.code == 0 && program.output.hasPrefix("0."), "\(program)")
    let help = try await vrbridge("models", "show", "--help")
    #expect(help.output.contains("--model-version"), "\(help)")
    for former in [["--version", "7"], ["--version=7"]] {
      let result = try await Program.run(
        "vrbridge", ["models", "show", "nosuch"] + former, environment: environment)
      #expect(result.code == 2 && result.errors.contains("use '--model-version'"), "\(result)")
      #expect(result.errors.contains("nosuch"), "\(result)")
    }
  }

  @Test func doctorExaminesTheGivenSocket() async throws {
    let result = try await vrbridge("doctor", "--socket", folder + "/other.sock")
    #expect(result.output.contains("no socket at \(folder)/other.sock"), "\(result)")
    let long = folder + "/" + String(repeating: "x", count: 120)
    let refused = try await vrbridge("doctor", "--socket", long)
    #expect(refused.code == 1 && refused.output.contains("at most 107"), "\(refused)")
  }

  @Test func doctorStatesWhatIsAttachedAndTheNextStep() async throws {
    let result = try await vrbridge("doctor", environment: ["XR_RUNTIME_JSON": "/nonexistent.json"])
    #expect(result.code == 1 && result.output.contains("PROBLEM OpenXR: /nonexistent.json"), "\(result)")
    #expect(result.output.contains("\nAttached: ") && result.output.contains("\nNext:     "), "\(result)")
    #expect(!result.output.contains("state folder:"), "\(result)")
    let all = try await vrbridge("doctor", "--all")
    for text in ["OpenXR:", "state folder:", "udev rules:", "socket:", "models:"] {
      #expect(all.output.contains(text), "\(text): \(all.output)")
    }
  }

  // MARK: files

  /// Each message has the input, the system's reason and, where there is one, a remedy.
  @Test func filesThatCannotBeReadOrWrittenStateTheReason() async throws {
    let directory = folder + "/directory"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let table = folder + "/in.csv"
    try "t,gx,gy,gz,ax,ay,az\n0,0,0,0,0,0,9.8\n0.01,0,0,0,0,0,9.8\n0.02,0,0,0,0,0,9.8\n"
      .write(toFile: table, atomically: true, encoding: .utf8)
    let half = folder + "/half.mcap"
    try "half".write(toFile: half, atomically: true, encoding: .utf8)
    let key = folder + "/c.yaml"
    try "language_model: { address: \"http://127.0.0.1:1/v1\", key: \(directory)/none }\n"
      .write(toFile: key, atomically: true, encoding: .utf8)
    let long = "/tmp/" + String(repeating: "x", count: 120)
    for (arguments, parts) in [
      (["import", "--from", "hid-recorder", directory, folder + "/o.mcap"], ["is a folder"]),
      (["import", "--from", "usbpcap", directory, folder + "/o.mcap"], ["is a folder"]),
      (["import", "--from", "csv", directory, folder + "/o.mcap"], ["Is a directory", "name a file"]),
      (
        ["import", "--from", "euroc", directory, folder + "/o.mcap"], ["No such file", "name a EuRoC folder"]
      ),
      (["import", "--from", "csv", table, half], ["File exists", "remove this one first"]),
      (["import", "--from", "csv", table, directory + "/no/o.mcap"], ["No such file or directory"]),
      (
        ["models", "add", "m", directory, "--model-version", "1", "--task", "tensors"],
        [directory, "Is a directory"]
      ),
      (["run", "--config", key], [directory + "/none", "No such file or directory", "check its path"]),
      (["run", "--no-hardware", "--socket", long], ["at most 107", "choose a shorter"]),
      (["devices", "--socket", long], ["107 bytes"]),
      (["run", "--no-hardware", "--descriptions", table], ["Not a directory", "--descriptions"]),
    ] {
      let result = try await Program.run("vrbridge", arguments, environment: environment)
      #expect(result.code == 2, "\(arguments): \(result)")
      for part in parts { #expect(result.errors.contains(part), "\(arguments): \(result.errors)") }
      for mark in ["Domain=", "NSError", "UserInfo", "Fatal"] {
        #expect(!result.errors.contains(mark), "\(result.errors)")
      }
    }
    #expect(try String(contentsOfFile: half, encoding: .utf8) == "half")
    // A failed import leaves nothing behind.
    #expect(!FileManager.default.fileExists(atPath: folder + "/o.mcap"))
  }

  /// The folder of a user without a login session.
  @Test(
    .enabled(
      if: geteuid() != 0 && !FileManager.default.fileExists(atPath: "/run/user/\(geteuid())"),
      "root, and users with /run/user/UID, have other folders"))
  func theBridgeStatesThePrivateFolderAndItsClientsFindIt() async throws {
    var environment = environment
    environment["VRBRIDGE_SOCKET"] = ""
    environment["XDG_RUNTIME_DIR"] = ""
    let own = "/tmp/vrbridge-\(geteuid())"
    let bridge = try Program("vrbridge", ["run", "--demo", "--no-hardware"], environment: environment)
    #expect(await eventually { bridge.errors.contains("the socket is in \(own)") }, "\(bridge.errors)")
    let devices = try await Program.run("vrbridge", ["devices"], environment: environment)
    #expect(devices.code == 0 && devices.output.contains("head"), "\(devices)")
    var info = stat()
    #expect(lstat(own, &info) == 0 && info.st_mode & 0o777 == 0o700)
    bridge.signal(SIGTERM)
    _ = await bridge.exitCode(within: 10)
  }

  // MARK: completions

  /// Returns what Bash offers for the last word.
  private func completions(_ words: String...) async throws -> [String] {
    let script = try await vrbridge("--generate-completion-script", "bash")
    try script.output.write(toFile: folder + "/complete", atomically: true, encoding: .utf8)
    let line = (["vrbridge"] + words).joined(separator: " ")
    let quoted = (["vrbridge"] + words).map { "'\($0)'" }.joined(separator: " ")
    let text = """
      PATH=\(Program.folder):$PATH
      source \(folder)/complete
      COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count); COMP_LINE='\(line)'; COMP_POINT=\(line.utf8.count)
      _vrbridge vrbridge '\(words.last ?? "")' '\(words.dropLast().last ?? "vrbridge")'
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let result = try await Program.run("/bin/bash", ["-c", text], environment: environment)
    return result.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  @Test func bashCompletesFamiliesModelsFilesAndChoices() async throws {
    #expect(try await completions("emulate", "oculus").contains("oculus-dk2"))
    #expect(try await completions("models", "pull", "open") == ["openvino"])
    #expect(try await completions("import", "--from", "e") == ["euroc"])
    #expect(try await completions("run", "--log-level", "w") == ["warning"])
    #expect(try await completions("assign", "left").contains("left_hand"))
    #expect(try await completions("run", "--perception", "gest").contains("gestures"))
    for name in ["cups/1", "cups/2", "parts/1"] {
      let version = "\(folder)/models/\(name)"
      try FileManager.default.createDirectory(atPath: version, withIntermediateDirectories: true)
      try "".write(toFile: version + "/manifest.yaml", atomically: true, encoding: .utf8)
    }
    #expect(try await completions("models", "show", "c") == ["cups"])
    #expect(try await completions("models", "show", "cups", "--model-version", "") == ["1", "2"])
    try "".write(toFile: folder + "/a.mcap", atomically: true, encoding: .utf8)
    try "".write(toFile: folder + "/a.txt", atomically: true, encoding: .utf8)
    #expect(try await completions("info", folder + "/a") == [folder + "/a.mcap"])
    #expect(try await completions("run", "--config", folder + "/a").count == 2)
  }

  // MARK: progress

  /// A pip that writes a file slowly and then fails.
  private func slowPip() throws -> String {
    let tools = folder + "/tools"
    try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
    let script = """
      #!/bin/sh
      mkdir -p "$TMPDIR/pip-unpack-x"
      for n in 1 2 3 4 5 6 7 8; do
        head -c 500000 /dev/zero >> "$TMPDIR/pip-unpack-x/a.whl"
        sleep 0.2
      done
      echo "the network ended" >&2
      exit 1
      """
    try script.write(toFile: tools + "/python3", atomically: true, encoding: .utf8)
    chmod(tools + "/python3", 0o755)
    return tools + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
  }

  @Test func aDownloadShowsSizeRateAndRemainingTimeOnATerminal() async throws {
    let path = try slowPip()
    let command = "stty cols 100; exec \(Program.folder)/vrbridge models pull openvino"
    let shown = try await Program.run(
      "/usr/bin/script", ["-qec", command, "/dev/null"],
      environment: environment.merging(["PATH": path, "TERM": "xterm"]) { $1 }, within: 60)
    #expect(shown.output.contains("1 of 1 openvino"), "\(shown)")
    #expect(shown.output.contains("of 59.1 MB") && shown.output.contains(" MB/s"), "\(shown)")
    #expect(shown.output.contains(" left") && shown.output.contains("the network ended"), "\(shown)")
    // About 1.8 s of work: at most five lines a second.
    let drawn = shown.output.components(separatedBy: "of 59.1 MB").count - 1
    #expect(drawn >= 3 && drawn <= 14, "\(drawn)")
    // Quiet where standard error is no terminal.
    let quiet = try await vrbridge("models", "pull", "openvino", environment: ["PATH": path])
    #expect(quiet.code == 2 && !quiet.errors.contains("MB"), "\(quiet)")
    #expect(!quiet.output.contains("MB"), "\(quiet)")
  }

  @Test func aProgressLineFitsTheTerminal() {
    for width in [20, 40, 80, 200] {
      for rate in [nil, 0, 5.3e6] {
        let line = ProgressBar.line(
          label: "3 of 12 sentence-embedding", received: 45_200_000, total: 120_300_000, rate: rate,
          width: width)
        #expect(line.count < max(width, 11), "\(line)")
        #expect(!line.contains("\n"))
      }
    }
    let line = ProgressBar.line(
      label: "a", received: 45_200_000, total: 120_300_000, rate: 5.3e6, width: 100)
    #expect(line == "a  [###########-------------------]   45.2 of 120.3 MB  5.3 MB/s  0:15 left", "\(line)")
  }

  // MARK: the table of 'run --view'

  @Test func theTableShowsWarningsAndAddresses() async throws {
    let socket = folder + "/s"
    let port = 20_000 + Int.random(in: 0..<9000)
    // A missing camera is warned about.
    let command =
      "stty cols 160; exec timeout -s INT 6 \(Program.folder)/vrbridge run --view --demo --no-hardware --camera /dev/nosuch "
      + "--socket \(socket) --http 127.0.0.1:\(port)"
    let shown = try await Program.run(
      "/usr/bin/script", ["-qec", command, "/dev/null"],
      environment: environment.merging(["TERM": "xterm", "NO_COLOR": "1"]) { $1 }, within: 60)
    #expect(shown.output.contains("dashboard http://127.0.0.1:\(port)/"), "\(shown.output.suffix(3000))")
    #expect(shown.output.contains("socket \(socket)"), "\(shown.output.suffix(3000))")
    #expect(shown.output.contains("warning: camera '/dev/nosuch'"), "\(shown.output.suffix(3000))")
    // Again after the table, where they stay.
    #expect(shown.output.suffix(1500).contains("vrbridge: warning: camera"), "\(shown.output.suffix(3000))")
  }
}
