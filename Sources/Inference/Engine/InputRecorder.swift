import Synchronization

/// Runs models through another engine and keeps what one of them is given: numbers as they come in use, on which a
/// smaller precision can be fitted to it.
public final class InputRecorder: InferenceEngine {
  private final class Recorded: ModelSession {
    let session: any ModelSession
    let recorder: InputRecorder

    init(_ session: any ModelSession, _ recorder: InputRecorder) {
      self.session = session
      self.recorder = recorder
    }

    var inputs: [TensorSpec] { session.inputs }
    var outputs: [TensorSpec] { session.outputs }

    func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
      recorder.keep(tensors)
      return try await session.infer(tensors)
    }
  }

  private let engine: any InferenceEngine
  private let name: String
  private let maximum: Int
  private let kept = Mutex<[[Tensor]]>([])

  /// - Parameters:
  ///   - name: the model whose inputs are kept.
  ///   - maximum: inputs that are kept at most, the first ones.
  public init(_ engine: any InferenceEngine, of name: String, maximum: Int) {
    self.engine = engine
    self.name = name
    self.maximum = maximum
  }

  /// Each in the order of the model's inputs.
  public var samples: [[Tensor]] { kept.withLock { $0 } }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    let session = try await engine.open(model, options)
    return model.manifest.name == name ? Recorded(session, self) : session
  }

  private func keep(_ tensors: [Tensor]) {
    kept.withLock { if $0.count < maximum { $0.append(tensors) } }
  }
}
