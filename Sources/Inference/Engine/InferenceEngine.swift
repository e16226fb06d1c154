/// A runtime for models, in this process or on a server.
public protocol InferenceEngine: Sendable {
  /// Opens a model. Its memory is released with the last reference to the session.
  func open(_ model: ModelPackage, _ options: SessionOptions) async throws(InferenceError) -> any ModelSession
}

/// The engine that runs a model.
public struct EngineIdentity: Sendable, Hashable {
  /// `openvino`, `onnxruntime`, or `remote` for another server.
  public var name: String
  /// Version of the library, or address of the server.
  public var version: String

  public init(name: String, version: String) {
    self.name = name
    self.version = version
  }
}

/// An opened model.
public protocol ModelSession: Sendable {
  /// The engine that runs the model now.
  var engine: EngineIdentity { get }
  var inputs: [TensorSpec] { get }
  var outputs: [TensorSpec] { get }
  /// Whether the process that held the model has ended: the session can't be used any more, the model is opened again.
  var isLost: Bool { get }
  /// The numbers that the engine computes with less precision than the model states, for people; nil when there are none.
  var precisionNote: String? { get }

  /// Runs the model once.
  ///
  /// - Parameter tensors: in the order of `inputs`.
  /// - Returns: tensors in the order of `outputs`.
  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor]
}

extension ModelSession {
  public var isLost: Bool { false }
  public var precisionNote: String? { nil }
}

/// Options of a session.
public struct SessionOptions: Sendable, Equatable {
  public enum Library: String, Sendable, CaseIterable {
    /// OpenVINO; ONNX Runtime for ONNX models that OpenVINO refuses or would run with other results.
    case automatic = "auto"
    case openVINO = "openvino"
    case onnxRuntime = "onnxruntime"
  }

  /// The library that runs the model in this process.
  public var library = Library.automatic
  /// OpenVINO device name: CPU, GPU, NPU, AUTO, or a list such as `AUTO:GPU,CPU`.
  public var device = "CPU"
  /// Threads of one inference. One leaves the other processors to tracking and rendering.
  public var threads = 1
  /// Concurrent inferences.
  public var streams = 1
  /// Arithmetic precision, fixed so that results do not depend on the processor.
  public var precision = "f32"
  /// Folder of compiled models; nil disables the cache.
  public var cache: String?

  public init() {}
}

/// Input checks common to all sessions.
package enum TensorCheck {
  package static func check(_ tensors: [Tensor], against specs: [TensorSpec]) throws(InferenceError) {
    guard tensors.count == specs.count else {
      throw InferenceError(
        .input, "the model requires \(specs.count) input tensors; the request has \(tensors.count)")
    }
    for (tensor, spec) in zip(tensors, specs) {
      guard tensor.type == spec.type else {
        throw InferenceError(
          .input,
          "the input '\(spec.name)' requires \(spec.type.rawValue); the request has \(tensor.type.rawValue)")
      }
      guard spec.accepts(tensor.shape) else {
        throw InferenceError(.input, "the input \(spec) does not accept the shape \(tensor.shape)")
      }
    }
  }
}
