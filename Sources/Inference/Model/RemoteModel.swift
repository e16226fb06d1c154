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

  /// Outputs with an open first dimension have as many rows as the inputs; false for models that find any number of things.
  public var keepsRows = true

  public init(address: String) { self.address = address }

  /// Requires the server to run a version.
  ///
  /// - Throws: `notFound` when the configuration names another one.
  mutating func pin(_ wanted: String, of name: String) throws(InferenceError) {
    if let version, version != wanted {
      throw InferenceError(
        .notFound,
        "the model '\(name)' runs on \(address) in version \(version); version \(wanted) is not available there"
      )
    }
    version = wanted
  }
}
