import Synchronization

/// An engine that records the inputs of one model: calibration data for quantisation, collected in normal use.
public final class InputRecorder: InferenceEngine {
  private final class Recorded: ModelSession {
    let session: any ModelSession
    let recorder: InputRecorder

    init(_ session: any ModelSession, _ recorder: InputRecorder) {
      self.session = session
      self.recorder = recorder
    }

    var engine: EngineIdentity { session.engine }
    var inputs: [TensorSpec] { session.inputs }
    var outputs: [TensorSpec] { session.outputs }
    var isLost: Bool { session.isLost }
    var precisionNote: String? { session.precisionNote }

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
  ///   - name: the recorded model.
  ///   - maximum: recorded inputs at most; later ones are not kept.
  public init(_ engine: any InferenceEngine, of name: String, maximum: Int) {
    self.engine = engine
    self.name = name
    self.maximum = maximum
  }

  /// The recorded inputs, each in the order of the model's inputs.
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
