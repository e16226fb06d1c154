import Foundation
public import Sandbox
import Synchronization

/// Runs models in confined processes, one for each model.
///
/// A request that ends the engine's process, or a model that makes its library crash, grow or hang, costs this process
/// nothing: the session is lost, and the model is opened again for the next request. A model that fails repeatedly is
/// opened again after a pause. Devices other than the CPU are out of a confined process's reach, so such models run in this
/// process.
public struct SeparateEngine: InferenceEngine {
  /// Limits of the processes.
  public struct Limits: Sendable, Equatable {
    /// Bytes of memory for the library, and for each byte of the model.
    public var memory: (base: UInt64, perByte: UInt64) = (4 << 30, 16)
    /// Time to open a model, and to run it once.
    public var opening = Duration.seconds(60)
    public var running = Duration.seconds(30)
    public var fallback = SandboxPlan.Fallback.warn

    public init() {}

    public static func == (left: Self, right: Self) -> Bool {
      left.memory == right.memory && left.opening == right.opening && left.running == right.running
        && left.fallback == right.fallback
    }
  }

  private let openVINO: String?
  private let onnxRuntime: String?
  private let limits: Limits
  private let program: String
  private let counter: SandboxCounter
  private let report: @Sendable (String) -> Void
  private let failures = ModelFailures()

  /// Bytes of shared memory for the tensors of a request, and for those of its result.
  private static let tensorMemory = 64 << 20

  /// - Parameters:
  ///   - openVINO: folder of OpenVINO's library.
  ///   - onnxRuntime: folder of ONNX Runtime's library.
  public init(
    openVINO: String?, onnxRuntime: String?, limits: Limits = Limits(),
    program: String = SandboxProgram.standard, counter: SandboxCounter = SandboxCounter(),
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.openVINO = openVINO
    self.onnxRuntime = onnxRuntime
    self.limits = limits
    self.program = program
    self.counter = counter
    self.report = report
  }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    guard options.device == "CPU" else {
      return try await LocalEngine(openVINO: openVINO, onnxRuntime: onnxRuntime).open(model, options)
    }
    let key = "\(model.manifest.name) \(model.manifest.version)"
    try failures.check(key)
    let folder: TemporaryFolder
    do { folder = try TemporaryFolder("vrbridge-model") } catch {
      throw InferenceError(.failed, error.description)
    }
    let size = model.files.reduce(0) { $0 + $1.bytes.count + 64 }
    var plan = SandboxPlan(role: ModelRole.name)
    plan.inputCapacity = max(size, Self.tensorMemory)
    plan.outputCapacity = Self.tensorMemory
    plan.memory = limits.memory.base + limits.memory.perByte * UInt64(size)
    plan.queueLimit = 256
    plan.readable = readable
    plan.folder = folder.path
    plan.fallback = limits.fallback
    plan.restarts = false
    let process = SandboxProcess(plan, program: program, counter: counter, report: report)
    if options.library != .onnxRuntime { OpenVINOLibrary.verify(folder: openVINO) }
    if options.library != .openVINO { OnnxRuntimeLibrary.verify(folder: onnxRuntime) }
    let header = ModelHeader(model, options, openVINO: openVINO, onnxRuntime: onnxRuntime)
    do throws(SandboxError) {
      let body = try? JSONEncoder().encode(header)
      let description = try await process.call(
        ModelRole.Operation.open.rawValue, body: Array(body ?? Data()), parts: model.files.map(\.bytes),
        within: limits.opening, read: ModelAnswer.description)
      return SeparateSession(
        description, process, folder, limit: limits.running, name: model.manifest.name,
        onEnd: { [failures] in failures.note(key, isFailure: $0) })
    } catch {
      if error.isLoss { failures.note(key, isFailure: true) }
      throw InferenceError(error, of: model.manifest.name, opening: true)
    }
  }

  /// What the libraries read: themselves, those that they need, and facts about the machine. The names of users and groups
  /// decide whether a library's folder is trusted.
  private var readable: [String] {
    let environment = ProcessInfo.processInfo.environment
    let named = ["LD_LIBRARY_PATH", "VRBRIDGE_OPENVINO", "VRBRIDGE_ONNXRUNTIME", "VRBRIDGE_SHERPA_ONNX"]
      .compactMap { environment[$0] }.flatMap { $0.split(separator: ":").map(String.init) }
    let libraries = [openVINO, onnxRuntime].compactMap { $0 } + named
    // A library's neighbours are read with it.
    let folders = libraries.filter { !$0.isEmpty }.flatMap { path -> [String] in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
        return [path]
      }
      let file = URL(fileURLWithPath: path).resolvingSymlinksInPath()
      return [path, file.deletingLastPathComponent().path]
    }
    let notes = LibraryOrigins.process.settings.folder.map { [$0 + "/" + VerifiedFolders.fileName] } ?? []
    return folders + notes + [
      "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/proc/self",
      "/proc/cpuinfo",
      "/proc/meminfo", "/proc/stat", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/sys/devices/system",
      "/sys/fs/cgroup",
    ]
  }
}

/// Failures of models in a row, so that one that ends its process each time is not opened over and over.
final class ModelFailures: Sendable {
  private struct Entry {
    var count = 0
    var notBefore = ContinuousClock.now
  }
  private let entries = Mutex<[String: Entry]>([:])

  /// - Throws: `unavailable` during the pause after a failure.
  func check(_ key: String) throws(InferenceError) {
    guard let entry = entries.withLock({ $0[key] }), entry.notBefore > ContinuousClock.now else { return }
    throw InferenceError(
      .unavailable,
      "the process of the model '\(key)' ended \(entry.count) times in a row; the model is opened again later"
    )
  }

  /// Counts a failure, after the first of which the model may be opened at once; a success clears the count.
  func note(_ key: String, isFailure: Bool) {
    entries.withLock { entries in
      guard isFailure else {
        entries[key] = nil
        return
      }
      var entry = entries[key] ?? Entry()
      entry.count += 1
      if entry.count > 1 {
        let pause = min(60, 1 << min(entry.count - 2, 6))
        entry.notBefore = ContinuousClock.now + Duration.seconds(pause)
      }
      entries[key] = entry
    }
  }
}

extension SandboxError {
  /// Whether the process that held a model is gone.
  var isLoss: Bool {
    switch cause {
    case .timeout, .ended, .answerInvalid, .restarting: true
    case .unavailable, .unconfined, .busy, .tooLarge, .refused: false
    }
  }
}

extension InferenceError {
  init(_ error: SandboxError, of model: String, opening: Bool = false) {
    switch error.cause {
    // The code is chosen by the process, so an unknown one is a failure.
    case .refused: self.init(Kind(rawValue: error.detail) ?? .failed, error.description)
    case .busy: self.init(.late, "too many requests wait for the model '\(model)'")
    case .tooLarge:
      self.init(.input, "the tensors for the model '\(model)' are larger than the process of a model takes")
    case .timeout where opening:
      self.init(.model, "the model '\(model)' cannot be loaded: it was not ready in time")
    case .timeout: self.init(.failed, "the model '\(model)' did not finish in time; its process was ended")
    case .ended where opening:
      self.init(
        .model, "the model '\(model)' cannot be loaded: the library that reads it crashed (\(error.detail))")
    case .unavailable, .unconfined: self.init(.failed, error.description)
    case .ended, .answerInvalid, .restarting:
      self.init(.failed, "the model '\(model)' cannot run on this input: \(error.description)")
    }
  }
}
