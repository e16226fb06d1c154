import Foundation
import MCAP
import TestSupport
import Testing

/// Exit statuses: 0 done, 1 a comparison or check with a negative result, 2 could not, 64 no valid command line.
struct ExitStatusTests {
  private let folder: String

  init() throws { folder = try TestPaths.temporaryFolder() }

  private func vrbridge(
    _ arguments: String..., environment: [String: String] = [:]
  ) async throws -> (code: Int32?, output: String, errors: String) {
    try await Program.run(
      "vrbridge", arguments,
      environment: [
        "VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": folder, "VRBRIDGE_STATE": folder,
        "VRBRIDGE_DEVICES": TestPaths.descriptions,
      ].merging(environment) { $1 }, within: 60)
  }

  private func file(_ name: String, _ text: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
    return folder + "/" + name
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// A session of 2 s.
  private func session(_ name: String, turning rate: Double = 0.2, from start: Double = 0) async throws
    -> String
  {
    var table = "t_s,gx_rad_s,gy_rad_s,gz_rad_s,ax_m_s2,ay_m_s2,az_m_s2\n"
    for index in 0..<400 { table += "\(start + Double(index) * 0.005),0,\(rate),0,0,9.8,0\n" }
    let source = try file(name + ".csv", table)
    let result = try await vrbridge("import", "--from", "csv", source, "\(folder)/\(name).mcap")
    #expect(result.code == 0, "\(result.errors)")
    return "\(folder)/\(name).mcap"
  }

  @Test func verifyingNothingIsNoSuccess() async throws {
    let whole = try await session("a")
    #expect(try await vrbridge("replay", whole, "--verify").code == 0)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: whole)))
    for index in try MCAPFile(InputFile(path: whole)).chunks {
      bytes[Int(index.offset + index.length) - 1] ^= 0xFF
    }
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/damaged.mcap"))
    let empty = try MCAPWriter(DiskFile(creating: folder + "/empty.mcap"), options: MCAPWriter.Options())
    try empty.finish()
    for name in ["damaged", "empty"] {
      let result = try await vrbridge("replay", "\(folder)/\(name).mcap", "--verify")
      #expect(result.code == 2 && !result.output.contains("equal, bit for bit"), "\(name): \(result)")
      #expect(result.errors.contains("[not-verified]"), "\(name): \(result)")
      let played = try await vrbridge("replay", "\(folder)/\(name).mcap", "--speed", "max")
      #expect(played.code == 2 && played.errors.contains("[nothing-to-play]"), "\(name): \(played)")
      let recovered = try await vrbridge("recover", "\(folder)/\(name).mcap", folder + "/r.mcap")
      #expect(
        recovered.code == 2 && recovered.errors.contains("[nothing-to-recover]"), "\(name): \(recovered)")
      #expect(!exists(folder + "/r.mcap"))
    }
    let range = try await vrbridge("replay", whole, "--verify", "--from", "1", "--to", "1.5")
    #expect(range.code == 0 && range.output.contains("101 compared"), "\(range)")
    #expect(try await vrbridge("replay", whole, "--verify", "--from", "50").code == 2)
    let beyond = try await vrbridge("replay", whole, "--from", "50")
    #expect(beyond.code == 2 && beyond.errors.contains("[session-too-short]"), "\(beyond)")
    let part = try await vrbridge("replay", whole, "--from", "1", "--speed", "max")
    #expect(part.code == 0 && part.output.contains("200 reports played"), "\(part)")
  }

  @Test func comparingHasTheStatusesOfDiff() async throws {
    let first = try await session("a")
    let other = try await session("b", turning: 0.3)
    #expect(try await vrbridge("compare", first, first).code == 0)
    let different = try await vrbridge("compare", first, other)
    #expect(different.code == 1 && different.output.contains("400"), "\(different)")
    let without = try await vrbridge("redact", first, folder + "/log.mcap", "--drop", "log")
    #expect(without.code == 0, "\(without)")
    let empty = try MCAPWriter(DiskFile(creating: folder + "/empty.mcap"), options: MCAPWriter.Options())
    try empty.finish()
    let nothing = try await vrbridge("compare", first, folder + "/empty.mcap")
    #expect(nothing.code == 2 && !nothing.output.contains("0.000"), "\(nothing)")
    #expect(nothing.errors.contains("[nothing-in-common]"), "\(nothing)")
  }

  @Test func aBrokenDescriptionFailsTheListsThatLackIt() async throws {
    let devices = folder + "/devices"
    try FileManager.default.createDirectory(atPath: devices, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: TestPaths.descriptions + "/oculus-dk1.yaml", toPath: devices + "/oculus-dk1.yaml")
    for command in [["devices", "--known"], ["udev-rules"]] {
      let whole = try await Program.run("vrbridge", command + ["--descriptions", devices])
      #expect(whole.code == 0, "\(whole)")
    }
    try "format: 1\nfamily: [\n".write(toFile: devices + "/broken.yaml", atomically: true, encoding: .utf8)
    for command in [["devices", "--known"], ["devices", "--known", "--markdown"], ["udev-rules"]] {
      let result = try await Program.run("vrbridge", command + ["--descriptions", devices])
      #expect(result.code == 2 && result.errors.contains("broken.yaml"), "\(command): \(result)")
      #expect(result.output.contains("2833") || result.output.contains("DK1"), "\(command): \(result)")
    }
    let doctor = try await vrbridge("doctor", "--descriptions", devices)
    #expect(doctor.code == 1 && doctor.output.contains("broken.yaml"), "\(doctor)")
  }

  @Test func wrongCommandLinesAreNamed() async throws {
    for arguments in [["help", "nosuch"], ["help", "replay", "nosuch"], ["help", "models", "nosuch"]] {
      let result = try await Program.run("vrbridge", arguments)
      #expect(result.code == 64 && result.errors.contains("nosuch"), "\(arguments): \(result)")
    }
    #expect(try await vrbridge("help", "replay").code == 0)
    for duration in ["0", "0s", "0m"] {
      let result = try await vrbridge("record", folder + "/r.mcap", "--duration", duration)
      #expect(result.code == 64 && result.errors.contains("--duration"), "\(result)")
    }
    let device = try await vrbridge("devices", "record", "nothing", folder + "/r.hid", "--duration", "0")
    #expect(device.code == 64 && device.errors.contains("--duration"), "\(device)")
    let foreign = try await vrbridge("import", "--from", "csv", "a", "b", "--device", "054c:09cc")
    #expect(foreign.code == 64 && foreign.errors.contains("usbpcap"), "\(foreign)")
  }

  /// No import leaves half a session, and no message has the notation of Foundation's errors.
  @Test func failedImportsSayWhyAndLeaveNothing() async throws {
    let euroc = folder + "/euroc"
    try FileManager.default.createDirectory(atPath: euroc + "/mav0/imu0", withIntermediateDirectories: true)
    try "#t,wx,wy,wz,ax,ay,az\n1,0,0,0,0,9.8,0\n2,0,,0,0,9.8,0\n".write(
      toFile: euroc + "/mav0/imu0/data.csv", atomically: true, encoding: .utf8)
    let header = "t_s,gx,gy,gz,ax,ay,az\n"
    let noForce = try file("noforce.csv", header + "0,0,0,0,,,\n1,0,0,0,,,\n")
    let noReports = try file("none.hid", "D: 0\nI: 3 28de 2000\nN: x\n")
    for (format, input, code) in [
      ("csv", folder, "table-invalid"), ("csv", "/nonexistent", "table-invalid"),
      ("csv", noForce, "nothing-to-import"),
      ("euroc", folder, "euroc-unreadable"), ("euroc", euroc, "euroc-malformed"),
      ("euroc", noForce, "euroc-unreadable"),
      ("hid-recorder", folder, "recording-unreadable"), ("hid-recorder", noReports, "nothing-to-import"),
      ("usbpcap", folder, "capture-unreadable"), ("usbpcap", noForce, "capture-format"),
    ] {
      let output = folder + "/o.mcap"
      let result = try await vrbridge("import", "--from", format, input, output)
      #expect(result.code == 2 && result.errors.contains("[\(code)]"), "\(format) \(input): \(result)")
      #expect(!result.errors.contains("NSCocoa") && !result.errors.contains("Error Domain"), "\(result)")
      #expect(
        !result.errors.contains("couldn’t be completed") && !exists(output), "\(format) \(input): \(result)")
    }
    let existing = try file("there.mcap", "x")
    let made = try await vrbridge(
      "import", "--from", "csv", try file("ok.csv", header + "0,0,0,0,0,9,0\n1,0,0,0,0,9,0\n"), existing)
    #expect(made.code == 2 && made.errors.contains("File exists; name another file"), "\(made)")
    #expect(try String(contentsOfFile: existing, encoding: .utf8) == "x")
  }

  /// One picture is missing: the others and the samples are there.
  @Test func aMissingPictureCostsThatPicture() async throws {
    let euroc = folder + "/euroc"
    for name in ["imu0", "cam0/data"] {
      try FileManager.default.createDirectory(
        atPath: euroc + "/mav0/" + name, withIntermediateDirectories: true)
    }
    let lines = (1...3).map { "\($0)000000,0,0.1,0,0,9.8,0" }
    try (["#t"] + lines).joined(separator: "\n").write(
      toFile: euroc + "/mav0/imu0/data.csv", atomically: true, encoding: .utf8)
    try "#t,file\n1000000,1.png\n2000000,2.png\n3000000,3.png\n".write(
      toFile: euroc + "/mav0/cam0/data.csv", atomically: true, encoding: .utf8)
    for name in ["1.png", "3.png"] {
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: euroc + "/mav0/cam0/data/" + name))
    }
    let result = try await vrbridge("import", "--from", "euroc", euroc, folder + "/e.mcap")
    #expect(
      result.code == 0 && result.errors.contains("1 of 3 pictures") && result.errors.contains("2.png"),
      "\(result)")
    let info = try await vrbridge("info", folder + "/e.mcap")
    #expect(info.output.contains("/cameras/cam0/image") && info.code == 0, "\(info)")
  }

  /// A configuration that exists and can't be read is an error of all commands that read it.
  @Test func aConfigurationThatCannotBeReadIsNotIgnored() async throws {
    try FileManager.default.createDirectory(atPath: folder + "/vrbridge", withIntermediateDirectories: true)
    // Root reads every file; nobody follows a link that leads to itself.
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/vrbridge/vrbridge.yaml", withDestinationPath: folder + "/vrbridge/vrbridge.yaml")
    for arguments in [["run", "--print-config"], ["models", "list"]] {
      let result = try await Program.run(
        "vrbridge", arguments, environment: ["XDG_CONFIG_HOME": folder, "VRBRIDGE_STATE": folder])
      #expect(result.code == 2 && result.errors.contains("[file-unreadable]"), "\(arguments): \(result)")
      #expect(result.errors.contains("vrbridge.yaml") && result.errors.contains("--config"), "\(result)")
    }
    let doctor = try await vrbridge("doctor")
    #expect(doctor.code == 1 && doctor.output.contains("PROBLEM configuration"), "\(doctor)")
  }

  @Test(
    .enabled(if: !FileManager.default.fileExists(atPath: "/dev/uhid"), "needs a machine without /dev/uhid"))
  func emulationThatFailsAnnouncesNothing() async throws {
    let result = try await vrbridge(
      "emulate", "oculus-dk2", "--uhid", "--descriptions", TestPaths.descriptions)
    #expect(result.code == 2 && result.output.isEmpty && result.errors.contains("modprobe uhid"), "\(result)")
  }

  @Test func aQuestionWithoutAnAnswerIsNoSuccess() async throws {
    let bridge = try Program(
      "vrbridge",
      ["run", "--no-hardware", "--socket", folder + "/s", "--descriptions", TestPaths.descriptions],
      environment: ["XDG_CONFIG_HOME": folder, "VRBRIDGE_STATE": folder])
    await eventually { exists(folder + "/s") }
    let result = try await vrbridge("prompt", "tell me a story", "--timeout", "20")
    bridge.signal(SIGTERM)
    #expect(result.code == 2 && result.errors.contains("[answer-interrupted]"), "\(result)")
    #expect(result.output.contains("No language model is configured"), "\(result)")
  }

  @Test func aTableWithoutAUsableLineIsNotTracked() async throws {
    let table = try file("t.csv", "t_s,gx,gy,gz,ax,ay,az\n0,,,,0,9.8,0\n1,,,,0,9.8,0\n")
    let result = try await vrbridge("track", table, "--out", folder + "/o.csv")
    #expect(result.code == 2 && result.errors.contains("[nothing-to-track]"), "\(result)")
    #expect(!exists(folder + "/o.csv"))
  }

  /// What is attached, what is wrong and what to do; the many devices that are not there only on request.
  @Test func doctorSummarises() async throws {
    let short = try await vrbridge("doctor", "--descriptions", TestPaths.descriptions)
    let lines = short.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count < 25, "\(short.output)")
    #expect(lines[0].contains("problem"), "\(short.output)")
    #expect(short.output.contains("models: none in") && short.output.contains("vrbridge models pull"))
    #expect(short.output.contains("supported devices are not attached; 'vrbridge doctor --all'"))
    #expect(short.output.contains("bridge: not running"))
    let all = try await vrbridge("doctor", "--all", "--descriptions", TestPaths.descriptions)
    #expect(all.output.split(separator: "\n").count > 30 && all.output.contains("HTC Vive"), "\(all.output)")
  }

  /// What can't run is not added: no library has to open the model to see it.
  @Test(arguments: [
    (["--task", "image-classification"], "--layout"),
    (["--task", "object-detection", "--layout", "NCHW"], "--decoder yolox or nanodet"),
    (["--task", "object-detection", "--decoder", "yolox"], "--layout"),
    (["--task", "text-recognition", "--layout", "NHWC"], "--layout NCHW"),
    (["--task", "text-recognition", "--layout", "NCHW"], "--labels"),
  ])
  func modelsWithoutWhatTheirTaskNeedsAreNotAdded(_ options: [String], _ missing: String) async throws {
    let model = try file("m.onnx", "x")
    let result = try await Program.run(
      "vrbridge",
      ["models", "add", "m", model, "--model-version", "1", "--models", folder + "/models"] + options,
      environment: ["XDG_CONFIG_HOME": folder, "VRBRIDGE_STATE": folder])
    #expect(result.code == 2 && result.errors.contains("[model-incomplete]"), "\(result)")
    #expect(result.errors.contains(missing) && !exists(folder + "/models/m"), "\(result)")
  }
}
