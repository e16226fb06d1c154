/// A model on a server, and how long to wait for it.
public struct RemoteModel: Sendable, Equatable {
  public enum Dialect: String, Sendable, CaseIterable {
    /// Open Inference Protocol v2: Triton, KServe, OpenVINO Model Server, MLServer.
    case openInference = "open-inference"
    /// TensorFlow Serving's REST predict.
    case tensorFlow = "tensorflow-serving"
  }

  /// `http://HOST:PORT`, or https.
  public var address: String
  public var dialect = Dialect.openInference
  /// Its name there; nil for the name here.
  public var name: String?
  public var version: String?
  /// Of one request, in seconds.
  public var timeout = 2.0
  /// Further tries of a request that failed for reasons of the network or the server.
  public var retries = 1
  /// Runs here when the server does not answer.
  public var fallsBack = true
  /// Sends numbers as JSON: for servers without binary tensors (MLServer).
  public var isText = false

  public init(address: String) { self.address = address }
}
