import ArgumentParser
import Bridge
import CLinux
import Foundation
import Inference

/// Opens a model of unknown origin in a process of its own, with bounds of memory and time: what makes a library crash, grow
/// or stand still does so there.
struct ModelTrial {
  struct Port: Codable {
    var name: String
    var type: String
    var shape: [Int]

    init(_ spec: TensorSpec) {
      name = spec.name
      type = spec.type.rawValue
      shape = spec.shape
    }

    var spec: TensorSpec? {
      ElementType(rawValue: type).map { TensorSpec(name: name, type: $0, shape: shape) }
    }
  }

  /// What the other process says, on one line.
  struct Report: Codable {
    var inputs: [Port] = []
    var outputs: [Port] = []
    var fault: String?
    /// The library is not here, so nothing is known of the model.
    var isUntried = false
  }

  static let patience = 60.0
  /// Bytes for the library itself, and for each byte of the model.
  private static let memory: (base: UInt64, perByte: UInt64) = (4 << 30, 16)

  /// Tasks whose models other libraries run.
  private static let others: Set<ModelTask> = [.speechRecognition, .voiceActivity]

  /// - Returns: nil for what can't be tried here.
  static func open(_ package: ModelPackage, config: String?) throws -> Report? {
    guard !others.contains(package.manifest.task) else { return nil }
    let folder = try TemporaryFolder("vrbridge-trial")
    for file in package.files { try Data(file.bytes).write(to: folder.file(file.name)) }
    let size = package.files.reduce(0) { $0 + $1.bytes.count }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments =
      ["models", "try", folder.path, "--memory", String(memory.base + memory.perByte * UInt64(size))]
      + (config.map { ["--config", $0] } ?? []) + package.files.map(\.name)
    let report = folder.file("report")
    try Data().write(to: report)
    process.standardOutput = try FileHandle(forWritingTo: report)
    process.standardError = FileHandle.nullDevice
    try process.run()
    let deadline = Date().addingTimeInterval(patience)
    while process.isRunning, Date() < deadline { usleep(10_000) }
    guard !process.isRunning else {
      process.terminate()
      usleep(100_000)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      return Report(fault: "it was not ready after \(Int(patience)) s")
    }
    if process.terminationReason == .uncaughtSignal {
      return Report(fault: "the library that reads it crashed (signal \(process.terminationStatus))")
    }
    guard let answer = try? JSONDecoder().decode(Report.self, from: try Data(contentsOf: report)) else {
      return Report(fault: "the process that tried it ended without a word (\(process.terminationStatus))")
    }
    return answer.isUntried ? nil : answer
  }
}

/// The other process.
struct ModelsTry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "try", abstract: "Open a model's files and say what it takes and gives.",
    shouldDisplay: false)

  @Argument(help: "Where the files are.")
  var folder: String

  @Argument(help: "Their names, the model first.")
  var files: [String]

  @Option(help: "Bytes that this process may have.")
  var memory: UInt64

  @OptionGroup var options: ModelOptions

  func run() async throws {
    _ = linux_limit_memory(memory)
    var report = ModelTrial.Report()
    do {
      let manifest = ModelManifest(name: "trial", version: "1", task: .tensors)
      let package = ModelPackage(
        manifest: manifest,
        files: try files.map { name in
          let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
          return ModelPackage.File(name: name, bytes: Array(data))
        })
      let session = try await options.settings().localEngine.open(package, SessionOptions())
      report.inputs = session.inputs.map(ModelTrial.Port.init)
      report.outputs = session.outputs.map(ModelTrial.Port.init)
    } catch let error as InferenceError {
      report.fault = error.description
      report.isUntried = error.kind == .unavailable
    } catch {
      report.fault = String(describing: error)
    }
    print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
  }
}
