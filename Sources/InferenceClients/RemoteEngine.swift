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
    let server = RemoteServer(model: remote, name: remote.name ?? model.manifest.name)
    var fallback: (any ModelSession)?
    if remote.fallsBack, !model.files.isEmpty {
      var package = model
      package.remote = nil
      fallback = try? await local.open(package, options)
    }
    let name = model.manifest.name
    let declared = RemoteSpecs(inputs: model.manifest.inputs, outputs: model.manifest.outputs)
    do throws(InferenceError) {
      let metadata = try await server.metadata(fallback)
      // Numbers of tensors in another order would be taken for each other.
      var specs = try server.parsing { () throws(OpenInferenceError) in
        try metadata.specs.ordered(like: declared, of: "the manifest of '\(name)'")
      }
      if let other = fallback {
        do throws(OpenInferenceError) {
          specs = try specs.ordered(
            like: RemoteSpecs(inputs: other.inputs, outputs: other.outputs), of: "the model in this process")
        } catch {
          report(
            "'\(name)' at \(remote.address): \(error); it does not run in this process when the server fails")
          fallback = nil
        }
      }
      return RemoteSession(name: name, specs, server, metadata, fallback: fallback, report: report)
    } catch {
      // Another version or another model is not what was asked for.
      guard let fallback, error.kind != .notFound || remote.version == nil else { throw error }
      report("\(error.description); '\(name)' runs in this process meanwhile")
      let session = RemoteSession(
        name: name, RemoteSpecs(inputs: fallback.inputs, outputs: fallback.outputs), server, nil,
        fallback: fallback, report: report)
      session.note(isAlive: false)
      return session
    }
  }
}
