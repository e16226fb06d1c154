/// A model on a server. The host runs it outside of the queue for models in this process, which a slow server would block.
public protocol RemoteModelSession: ModelSession {
  /// The version that the server named last; nil when it names none.
  var servedVersion: String? { get }

  /// Runs the model on the server.
  ///
  /// - Parameter tensors: in the order of `inputs`.
  func attempt(_ tensors: [Tensor]) async throws(InferenceError) -> RemoteOutcome
}

/// The outcome of a request to a server.
public enum RemoteOutcome: Sendable {
  /// Tensors in the order of the session's outputs, and the version that the server names.
  case answer([Tensor], version: String?)
  /// The server is unavailable; this session runs the model in this process.
  case fallback(any ModelSession)
}
