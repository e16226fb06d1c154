import ArgumentParser
import CommandSupport
import Evaluation
import PerformanceBenchmarks

struct PerformanceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "performance",
    abstract: "Measure the bridge against plain C programs in one run.",
    discussion: discussion(
      "Needs 'vrbridge' beside this program. docs/explanation/performance.md explains the results.",
      examples: "vrbridge-eval performance --quick --check"),
    subcommands: [
      PerformanceSuiteCommand.self, SessionsPerformance.self, DecodersPerformance.self,
      InferencePerformance.self, FramesPerformance.self, ProcessesPerformance.self, QueriesPerformance.self,
      FilterInput.self,
      FilterPerformance.self, RangePerformance.self,
    ], defaultSubcommand: PerformanceSuiteCommand.self)
}

struct PerformanceSuiteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "suite",
    abstract: "Measure latency, recording, start and memory (default).",
    discussion: discussion(
      "Values that differ by more than half from those that '--stated' holds are printed as warnings.",
      examples: "vrbridge-eval performance --quick",
      "vrbridge-eval performance --commit 1a2b3c4 --stated Benchmarks/results.json"))

  @Option(help: ArgumentHelp("Print this commit with the results (default: unknown).", valueName: "name"))
  var commit = "unknown"

  @Option(
    help: ArgumentHelp("Compare with the results in this JSON file (default: none).", valueName: "file"),
    completion: .file())
  var stated: String?

  @Option(
    help: ArgumentHelp("Write the results to this JSON file (default: none).", valueName: "file"),
    completion: .file())
  var write: String?

  @Flag(help: "Run fewer and shorter rounds.")
  var quick = false

  @Flag(help: "Exit with status 1 when a bound that holds on any machine is broken.")
  var check = false

  func run() async throws {
    // Read before the measurement, which takes minutes.
    let expected = try stated.map { try PerformanceResults(file: $0) }
    let (failures, results) = try await PerformanceSuite.run(isQuick: quick, commit: commit)
    if let write { try results.write(to: write) }
    if let expected {
      for line in results.deviations(from: expected) { print("WARNING: \(line)") }
    }
    guard check, !failures.isEmpty else { return }
    for failure in failures { print("FAILED: \(failure)") }
    throw ExitCode.failure
  }
}

struct SessionsPerformance: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sessions",
    abstract: "Measure recording, writing, reading and replaying sessions.",
    discussion: discussion(examples: "vrbridge-eval performance sessions 20"))

  @Argument(help: "Record for this many seconds.")
  var seconds = 20

  @Flag(help: "Use smaller files.")
  var quick = false

  func run() async throws {
    if try await PerformanceSuite.sessions(seconds: seconds, isQuick: quick) > 0 { throw ExitCode.failure }
  }
}

struct DecodersPerformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decoders",
    abstract: "Measure the decoders of all device families.",
    discussion: discussion(examples: "vrbridge-eval performance decoders"))

  func run() throws { try PerformanceSuite.decoders() }
}

struct InferencePerformance: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inference",
    abstract: "Measure models against MediaPipe, OpenVINO's benchmark_app and MLServer.",
    discussion: discussion(examples: "vrbridge-eval performance inference hand.jpg peers/bin/python"))

  @Argument(help: ArgumentHelp("Image with a hand (JPEG or PNG).", valueName: "image"), completion: .file())
  var image: String

  @Argument(
    help: ArgumentHelp("Python with mediapipe and openvino.", valueName: "python"), completion: .file())
  var python: String

  @Argument(
    help: ArgumentHelp("Python with mlserver (default: MLServer is left out).", valueName: "python"),
    completion: .file())
  var servers: String?

  func run() async throws {
    try await PerformanceSuite.inference(image: image, python: python, servers: servers)
  }
}

struct FramesPerformance: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "frames",
    abstract: "Measure hands in frames of a client, over each way to the bridge, against MediaPipe.",
    discussion: discussion(examples: "vrbridge-eval performance frames hand.jpg peers/bin/python"))

  @Argument(help: ArgumentHelp("Image with a hand (JPEG or PNG).", valueName: "image"), completion: .file())
  var image: String

  @Argument(help: ArgumentHelp("Python with mediapipe.", valueName: "python"), completion: .file())
  var python: String

  func run() async throws { try await PerformanceSuite.frames(image: image, python: python) }
}

struct ProcessesPerformance: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "processes",
    abstract: "Measure hands with decoding and models in one process and in confined ones.",
    discussion: discussion(examples: "vrbridge-eval performance processes hand.jpg"))

  @Argument(help: ArgumentHelp("Image with a hand (JPEG or PNG).", valueName: "image"), completion: .file())
  var image: String

  func run() async throws { try await PerformanceSuite.processes(image: image) }
}

struct QueriesPerformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queries",
    abstract: "Measure queries of the pose history.",
    discussion: discussion(examples: "vrbridge-eval performance queries"))

  func run() { PerformanceSuite.queries() }
}

struct FilterInput: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filter-input",
    abstract: "Write samples for 'filter' and for other programs that read the same file.",
    discussion: discussion(examples: "vrbridge-eval performance filter-input samples"))

  @Argument(help: "File to write: nine doubles per sample.", completion: .file())
  var file: String

  func run() throws { try PerformanceSuite.writeFilterInput(to: file) }
}

struct FilterPerformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filter",
    abstract: "Measure nanoseconds per update of the orientation filter.",
    discussion: discussion(examples: "vrbridge-eval performance filter samples 20000 10"))

  @Argument(help: "File that 'filter-input' wrote.", completion: .file())
  var file: String

  @Argument(help: "Number of updates per round.")
  var count: Int

  @Argument(help: "Number of rounds; the fastest round is printed.")
  var rounds: Int

  func run() throws { try PerformanceSuite.filter(file, count: count, rounds: rounds) }
}

/// The process that reads part of a large session, so that its memory can be measured alone.
struct RangePerformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "range",
    abstract: "Read one second from the middle of a session and print time and memory.",
    discussion: discussion(examples: "vrbridge-eval performance range session.mcap"),
    shouldDisplay: false)

  @Argument(help: "Session (MCAP).", completion: .file())
  var file: String

  func run() throws { try PerformanceSuite.readRange(file) }
}
