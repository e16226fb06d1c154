import Sandbox
import Synchronization

/// A model in a confined process.
final class SeparateSession: ModelSession {
  let engine: EngineIdentity
  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  let precisionNote: String?
  var isLost: Bool { lost.load(ordering: .relaxed) }
  private let process: SandboxProcess
  /// Exists as long as the process.
  private let folder: TemporaryFolder
  private let limit: Duration
  private let name: String
  private let onEnd: @Sendable (Bool) -> Void
  private let lost = Atomic(false)
  private let hasRun = Atomic(false)

  /// - Parameter onEnd: called with false after the first run, and with true when the process is lost.
  init(
    _ description: ModelAnswer.Description, _ process: SandboxProcess, _ folder: TemporaryFolder,
    limit: Duration, name: String,
    onEnd: @escaping @Sendable (Bool) -> Void
  ) {
    engine = description.engine
    inputs = description.inputs
    outputs = description.outputs
    precisionNote = description.precisionNote
    self.process = process
    self.folder = folder
    self.limit = limit
    self.name = name
    self.onEnd = onEnd
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    guard !isLost else {
      throw InferenceError(
        .unavailable, "the process of the model '\(name)' ended; the model is opened again")
    }
    do throws(SandboxError) {
      let results = try await process.call(
        ModelRole.Operation.run.rawValue, body: TensorTransfer.header(tensors), parts: tensors.map(\.bytes),
        within: limit,
        read: { [outputs] (message, memory) throws(SandboxError) in
          try ModelAnswer.tensors(message, memory, for: outputs)
        })
      if !hasRun.exchange(true, ordering: .relaxed) { onEnd(false) }
      return results
    } catch {
      if error.isLoss, !lost.exchange(true, ordering: .relaxed) { onEnd(true) }
      throw InferenceError(error, of: name)
    }
  }
}
