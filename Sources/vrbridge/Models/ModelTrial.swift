import Bridge
import CLinux
import CommandSupport
import Foundation
import Inference
import Speech

/// Opens a model of unknown origin in a process of its own with bounds of memory and time, so that a file that makes a
/// library crash, grow or hang harms only that process.
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

  /// The line that the other process prints.
  struct Report: Codable {
    var inputs: [Port] = []
    var outputs: [Port] = []
    var fault: String?
    /// The library is not installed; the model was not opened.
    var isUntried = false
  }

  private static let timeout = 60.0
  /// Bytes for the library itself and per byte of the model.
  private static let memory: (base: UInt64, perByte: UInt64) = (4 << 30, 16)

  /// Tasks whose models other libraries run.
  private static let others: Set<ModelTask> = [.speechRecognition, .voiceActivity]

  /// Opens the model in the other process.
  ///
  /// - Returns: nil when no installed library runs the model.
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
    let deadline = Date().addingTimeInterval(timeout)
    while process.isRunning, Date() < deadline { usleep(10_000) }
    guard !process.isRunning else {
      process.terminate()
      usleep(100_000)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      return Report(fault: "it was not ready after \(Int(timeout)) s")
    }
    if process.terminationReason == .uncaughtSignal {
      return Report(fault: "the library that reads it crashed (signal \(process.terminationStatus))")
    }
    guard let answer = try? JSONDecoder().decode(Report.self, from: try Data(contentsOf: report)) else {
      return Report(
        fault: "the process that tried it ended without a result (status \(process.terminationStatus))")
    }
    return answer.isUntried ? nil : answer
  }
}
