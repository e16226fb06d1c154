import Authorisation
import Inference

/// Models as far as a client may use them.
struct ModelAccess: Sendable {
  let host: ModelHost
  /// Seconds that a request waits for its model, at most.
  let timeout: Double

  static func missing(_ name: String) -> InferenceError {
    InferenceError(.notFound, "no model is named '\(name)'; 'POST /v2/repository/index' lists the models")
  }

  /// Returns a model that is ready to run.
  ///
  /// A client that may not use a model gets the error of a missing one, and no error names a folder.
  func model(
    _ name: String, _ version: String?, _ rights: Rights
  ) async throws(InferenceError) -> ModelHost.Loaded {
    guard rights.mayUse(name) else { throw Self.missing(name) }
    do throws(InferenceError) { return try await host.model(name, version: version) } catch {
      if host.versions(of: name).isEmpty { throw Self.missing(name) }
      throw error
    }
  }

  func model(_ call: ModelCall) async throws(InferenceError) -> ModelHost.Loaded {
    try await model(call.model, call.version, call.rights)
  }

  func run(_ model: ModelHost.Loaded, _ tensors: [Tensor]) async throws(InferenceError) -> InferenceResult {
    try await host.run(model, tensors, priority: .request, within: .seconds(timeout))
  }
}
