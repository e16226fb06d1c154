/// What runs models: in this process, or on a server.
public protocol InferenceEngine: Sendable {
  /// Makes a model ready. What it needs in memory is freed when nobody holds the session any more.
  func open(_ model: ModelPackage, _ options: SessionOptions) async throws(InferenceError) -> any ModelSession
}

/// A model that is ready.
public protocol ModelSession: Sendable {
  var inputs: [TensorSpec] { get }
  var outputs: [TensorSpec] { get }

  /// Runs the model once.
  ///
  /// - Parameter tensors: in the order of `inputs`.
  /// - Returns: in the order of `outputs`.
  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor]
}

/// How a model is run.
public struct SessionOptions: Sendable, Equatable {
  public enum Library: String, Sendable, CaseIterable {
    /// OpenVINO, and ONNX Runtime for ONNX models that it can't take.
    case automatic = "auto"
    case openVINO = "openvino"
    case onnxRuntime = "onnxruntime"
  }

  /// What runs it in this process.
  public var library = Library.automatic
  /// OpenVINO's name: CPU, GPU, NPU, AUTO, or a list as `AUTO:GPU,CPU`.
  public var device = "CPU"
  /// Threads of one inference. One is right on a machine that does other work too.
  public var threads = 1
  /// Inferences at the same time.
  public var streams = 1
  /// Of the arithmetic, pinned so that results do not change with the processor.
  public var precision = "f32"
  /// Folder of compiled models; nil for none.
  public var cache: String?

  public init() {}
}

/// Why a model does not run.
public struct InferenceError: Error, Sendable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// The runtime library is not there, or the server does not answer.
    case unavailable
    /// The model can't be read.
    case model
    /// What was sent does not fit the model.
    case input
    /// The model ran into an error.
    case failed
    /// It took too long, or would have.
    case late
    /// There is no such model or version.
    case notFound
  }

  public var kind: Kind
  public var description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

/// A model's files, checked, in memory: what is run is what was verified, whatever happens to the files afterwards.
public struct ModelPackage: Sendable {
  public struct File: Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  public var manifest: ModelManifest
  /// The first is the model; an IR's weights follow it.
  public var files: [File]
  /// The server that runs it; nil for this process.
  public var remote: RemoteModel?

  public init(manifest: ModelManifest, files: [File]) {
    self.manifest = manifest
    self.files = files
  }
}

/// Checks that apply to every session.
public enum TensorCheck {
  public static func check(_ tensors: [Tensor], against specs: [TensorSpec]) throws(InferenceError) {
    guard tensors.count == specs.count else {
      throw InferenceError(.input, "the model takes \(specs.count) tensors, and got \(tensors.count)")
    }
    for (tensor, spec) in zip(tensors, specs) {
      guard tensor.type == spec.type else {
        throw InferenceError(
          .input, "'\(spec.name)' takes \(spec.type.rawValue), and got \(tensor.type.rawValue)")
      }
      guard spec.accepts(tensor.shape) else {
        throw InferenceError(.input, "\(spec) does not take the shape \(tensor.shape)")
      }
    }
  }
}
