import AsyncHTTPClient
public import Inference

/// Runs models on another server: Open Inference Protocol v2 (Triton, KServe, OpenVINO Model Server, MLServer), or
/// TensorFlow Serving's predict.
public struct RemoteEngine: InferenceEngine {
  /// Runs a model in this process while its server is unavailable.
  private let local: any InferenceEngine
  private let report: @Sendable (String) -> Void

  /// - Parameter report: called with a sentence for the operator when a server becomes unavailable or returns.
  public init(local: any InferenceEngine, report: @escaping @Sendable (String) -> Void) {
    self.local = local
    self.report = report
  }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    guard let remote = model.remote else { return try await local.open(model, options) }
    // Starts the client's threads with the first model that needs them.
    let server = RemoteServer(
      client: HTTPClient.shared, model: remote, name: remote.name ?? model.manifest.name)
    var fallback: (any ModelSession)?
    if remote.fallsBack, !model.files.isEmpty {
      var package = model
      package.remote = nil
      fallback = try? await local.open(package, options)
    }
    let name = model.manifest.name
    do throws(InferenceError) {
      let (inputs, outputs) = try await server.metadata(fallback)
      return RemoteSession(
        name: name, inputs: inputs, outputs: outputs, server: server, fallback: fallback, report: report)
    } catch {
      guard let fallback else { throw error }
      report("\(error.description); '\(name)' runs in this process meanwhile")
      let session = RemoteSession(
        name: name, inputs: fallback.inputs, outputs: fallback.outputs, server: server, fallback: fallback,
        report: report)
      session.note(isAlive: false)
      return session
    }
  }
}
