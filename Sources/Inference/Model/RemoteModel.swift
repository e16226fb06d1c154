/// A model on an inference server, with its time limits.
public struct RemoteModel: Sendable, Equatable {
  public enum Dialect: String, Sendable, CaseIterable {
    /// Open Inference Protocol v2: Triton, KServe, OpenVINO Model Server, MLServer.
    case openInference = "open-inference"
    /// TensorFlow Serving's REST predict API.
    case tensorFlow = "tensorflow-serving"
  }

  /// `http://HOST:PORT` or `https://HOST:PORT`.
  public var address: String
  public var dialect = Dialect.openInference
  /// The model's name on the server; nil for the local name.
  public var name: String?
  public var version: String?
  /// Time limit of one request, in seconds.
  public var timeout = 2.0
  /// Additional attempts after network or server errors.
  public var retries = 1
  /// Runs the model in this process when the server does not respond.
  public var fallsBack = true
  /// Sends numbers as JSON, for servers without binary tensors (MLServer).
  public var isText = false

  public init(address: String) { self.address = address }
}
