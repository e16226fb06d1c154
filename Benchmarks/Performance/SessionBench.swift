import Bridge
import CBaseline
import CLinux
import DeviceEmulation
import Devices
import Foundation
import Glibc
import Logging
import MCAP
import Sensing
import SessionLog
import Spatial
import SessionTools

/// Measures writing, reading and replaying of sessions, each against a baseline in the same run.
enum SessionBench {
  static func run(isQuick: Bool) async throws {
    let folder = "/tmp/vrb-bench-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    print(try throughput(folder, rounds: isQuick ? 1 : 4))
    print(try range(folder, gigabytes: isQuick ? 0.2 : 1))
    print(try replay(folder, seconds: isQuick ? 60 : 300))
  }

  private static func now() -> Double { Double(linux_monotonic_ns()) * 1e-9 }

  /// - Parameter messages: a pool of messages, one after the other.
  private static func write(
    _ messages: [UInt8], count: Int, _ compression: MCAPCompression
  ) throws -> Double {
    let begin = now()
    var options = MCAPWriter.Options()
    options.compression = compression
    let writer = try MCAPWriter(NullFile(), options: options)
    let channel = try writer.add(MCAPChannel(schemaID: 0, topic: "/t", messageEncoding: ""))
    try messages.withUnsafeBytes { messages in
      for index in 0..<count {
        let start = index % pool * size
        try writer.write(
          channel: channel, logTime: UInt64(index), publishTime: UInt64(index),
          data: UnsafeRawBufferPointer(rebasing: messages[start..<(start + size)]))
      }
    }
    try writer.closeChunk()
    let seconds = now() - begin
    try writer.finish()
    return seconds
  }

  /// Discards all bytes: the writers are measured, not a disk. The C program and Python write to /dev/null.
  private final class NullFile: OutputFile {
    private let descriptor = open("/dev/null", O_WRONLY)
    deinit { Glibc.close(descriptor) }
    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
      _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    }
    func sync() throws(OutputError) {}
    func truncate(to size: UInt64) throws(OutputError) {}
    func close() throws(OutputError) {}
    func makeSpool() throws(OutputError) -> any SpoolFile {
      throw OutputError(file: "/dev/null", operation: "given an index", code: ENOTSUP)
    }
  }

  private static let size = WireFormat.stateLength
  private static let pool = 4096

  /// States of a moving device, the bulk of a session.
  private static func messages() throws -> [UInt8] {
    var result: [UInt8] = []
    for index in 0..<pool {
      let angle = Double(index) * 0.001
      let time = Timestamp(nanoseconds: 1_000_000_000_000 + Int64(index) * 1_000_000)
      var state = TrackedState(
        captured: time, received: time.advanced(byNanoseconds: 120_000 + Int64.random(in: 0...9999)),
        worldFromDevice: Pose(
          position: Vector3(sin(angle), cos(angle), 0.1),
          orientation: Quaternion(rotationVector: Vector3(sin(angle), angle, 0.3 * cos(3 * angle)))),
        angularVelocity: Vector3(cos(angle), Double.random(in: -0.01...0.01), 0.3),
        uncertainty: PoseUncertainty(inclination: 0.005 + angle * 1e-4, heading: 0.2),
        flags: [.orientationValid, .orientationTracked])
      for ahead in 0..<4 {
        state.predictedAngularVelocities[ahead] = state.angularVelocity * (1 + 0.01 * Double(ahead))
      }
      result += SessionReader.bytes(of: state)
    }
    return result
  }

  private static func throughput(_ folder: String, rounds: Int) throws -> String {
    let count = 1_000_000
    let messages = try messages()
    var lines: [String] = []
    for (name, compression, level) in [
      ("zstd level 1", MCAPCompression.zstandard(level: 1), Int32(1)), ("no compression", .none, 0),
    ] {
      var (ours, plain): (Double, Double) = (0, 0)
      for _ in 0..<rounds {
        ours += try write(messages, count: count, compression)
        let seconds = baseline_write_chunks(
          "/dev/null", messages, pool, size, Int64(count), 1 << 20, level)
        guard seconds > 0 else { throw BenchError("the C program could not write") }
        plain += seconds
      }
      let bytes = Double(rounds * count * (size + 31))
      lines.append(
        String(
          format:
            "Writing messages of %d bytes, \(name): vrbridge %.0f MB/s, C program %.0f MB/s, ratio %.2f",
          size, bytes / ours * 1e-6, bytes / plain * 1e-6, plain / ours))
      guard let python = try pythonRate(folder, messages, level == 0 ? "NONE" : "ZSTD") else { continue }
      let rate = Double(rounds * count) / ours
      lines.append(
        String(
          format: "  messages a second: vrbridge %.0f, Python's mcap writer %.0f, ratio %.1f", rate, python,
          rate / python))
    }
    return lines.joined(separator: "\n")
  }

  /// Returns messages per second; nil without the Python environment of the tests.
  private static func pythonRate(
    _ folder: String, _ messages: [UInt8], _ compression: String
  ) throws -> Double? {
    try Data(messages).write(to: URL(fileURLWithPath: folder + "/messages"))
    let program = """
      import sys, time
      from mcap.writer import CompressionType, Writer
      size, count = \(size), 100000
      data = open(sys.argv[2], "rb").read()
      messages = [data[i : i + size] for i in range(0, len(data), size)]
      with open(sys.argv[1], "wb") as file:
          writer = Writer(file, compression=CompressionType.\(compression))
          writer.start()
          channel = writer.register_channel("/t", "", 0)
          begin = time.monotonic()
          for index in range(count):
              writer.add_message(channel, index, messages[index % len(messages)], index)
          print(count / (time.monotonic() - begin))
          writer.finish()
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ".build/python/bin/python")
    process.arguments = ["-c", program, "/dev/null", folder + "/messages"]
    let pipe = Pipe()
    process.standardOutput = pipe
    guard (try? process.run()) != nil else { return nil }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Double(String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
  }

  // MARK: reading

  private static func range(_ folder: String, gigabytes: Double) throws -> String {
    let path = folder + "/large.mcap"
    var options = MCAPWriter.Options()
    options.chunkSize = 1 << 20
    let writer = try MCAPWriter(DiskFile(creating: path), options: options)
    let channels = try (0..<12).map {
      try writer.add(MCAPChannel(schemaID: 0, topic: "/t\($0)", messageEncoding: ""))
    }
    // Twelve streams at 1 kHz of noise: a gigabyte is about six minutes.
    let noise = (0..<(1 << 16)).map { _ in UInt8.random(in: 0...255) }
    var index = 0
    while Double(writer.size) < gigabytes * 1e9 {
      let start = index * 7 % (noise.count - 240)
      try noise[start..<(start + 240)].withUnsafeBytes {
        try writer.write(
          channel: channels[index % 12], logTime: UInt64(index / 12) * 1_000_000, publishTime: 0, data: $0)
      }
      index += 1
    }
    try writer.finish()
    let size = writer.size
    let process = Process()
    process.executableURL = ProcessBench.program
    process.arguments = ["performance", "range", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    unlink(path)
    return String(format: "Reading one second of a file of %.2f GB by its index: ", Double(size) * 1e-9)
      + String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Reads one second from the middle and prints time and memory; runs in a process of its own.
  static func readRange(_ path: String) throws {
    var times: [Double] = []
    var count = 0
    for _ in 0..<5 {
      let begin = now()
      let file = try MCAPFile(InputFile(path: path))
      let middle = file.statistics.startTime + (file.statistics.endTime - file.statistics.startTime) / 2
      count = 0
      try file.forEachMessage(in: middle...(middle + 999_999_999)) { _ in
        count += 1
        return .goOn
      }
      times.append(now() - begin)
    }
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
    print(
      String(
        format: "%.0f ms (median of 5, opening included), %d messages, %.0f MB of memory at most",
        times.sorted()[2] * 1000, count, (Double(peak.filter(\.isNumber)) ?? 0) / 1024))
  }

  // MARK: replay

  private static func replay(_ folder: String, seconds: Int) throws -> String {
    let (catalog, _) = try Configuration().descriptionFolders.load()
    guard let description = catalog.description(family: "htc-vive") else { throw BenchError("no htc-vive") }
    let device = try EmulatedDevice(
      description, options: EmulatedDevice.Options(motion: .lookingAround(), errors: .consumer(seed: 1)))
    var identity = device.identity
    identity.origin = .recorded
    let file = folder + "/h.hid"
    let hid = try HIDRecordingWriter(path: file)
    try hid.begin([(identity, device.descriptorBytes)])
    for exchange in try device.featureTranscript() { try hid.feature(exchange, interface: 0) }
    var generator = try device.generator()
    for _ in 0..<(seconds * 1000) {
      let step = generator.next()
      for report in step.reports {
        try hid.report(report, interface: 0, at: Timestamp(nanoseconds: Int64(step.time * 1e9)))
      }
    }
    try hid.finish()
    let importer = try SessionImporter(
      output: folder + "/h.mcap", source: "bench", log: Logger(label: "bench"))
    _ = try importer.add(
      HIDRecording.read(path: file), catalog: catalog, configuration: nil,
      at: Timestamp(nanoseconds: 1_000_000_000))
    try importer.finish()
    var best = Double.infinity
    var verified = Double.infinity
    for _ in 0..<3 {
      var begin = now()
      let result = try SessionVerifier(path: folder + "/h.mcap").run(compares: false)
      best = min(best, now() - begin)
      guard result.states > 0 else { throw BenchError("the session was not replayed") }
      begin = now()
      let compared = try SessionVerifier(path: folder + "/h.mcap").run()
      verified = min(verified, now() - begin)
      guard compared.difference == nil else { throw BenchError("the replay differs") }
    }
    return String(
      format:
        "Replay of one headset's inertial data at 1 kHz: %.0f times real time, %.0f with every state compared",
      Double(seconds) / best, Double(seconds) / verified)
  }
}
