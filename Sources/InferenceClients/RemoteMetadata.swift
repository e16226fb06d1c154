import Foundation
import Inference

/// What a server states about a model.
struct RemoteMetadata: Sendable {
  var specs: RemoteSpecs
  /// The version of TensorFlow Serving, whose answers do not name one; nil where answers do, or the server names none.
  var version: String?
}

extension RemoteServer {
  /// Reads a model's metadata. TensorFlow Serving's has types of its own, so the tensors come from the local model.
  ///
  /// - Throws: `notFound` when the server does not have the model, or not in the required version.
  func metadata(_ local: (any ModelSession)?) async throws(InferenceError) -> RemoteMetadata {
    switch model.dialect {
    case .openInference:
      let reply = try await send(path)
      let metadata = try parsing { () throws(OpenInferenceError) in
        let metadata = try OpenInference.metadata(reply.body)
        try check(model: metadata.name)
        guard !metadata.inputs.isEmpty, !metadata.outputs.isEmpty else {
          throw OpenInferenceError("the metadata lists no tensors")
        }
        return metadata
      }
      try check(versions: metadata.versions)
      return RemoteMetadata(specs: RemoteSpecs(inputs: metadata.inputs, outputs: metadata.outputs))
    case .tensorFlow:
      guard let local else {
        throw InferenceError(
          .model,
          "'\(name)' on TensorFlow Serving needs the model in the local registry too, for its tensors; set 'fall_back: true' and add it with: vrbridge models add"
        )
      }
      return RemoteMetadata(
        specs: RemoteSpecs(inputs: local.inputs, outputs: local.outputs), version: try await servingVersion())
    }
  }

  private struct Status: Decodable {
    struct Version: Decodable {
      var version: String
      var state: String
    }
    enum CodingKeys: String, CodingKey { case versions = "model_version_status" }
    var versions: [Version]
  }

  /// The version that TensorFlow Serving runs for requests without one: the newest that is available.
  private func servingVersion() async throws(InferenceError) -> String? {
    let reply: Answer
    do throws(InferenceError) { reply = try await send(path) } catch {
      // Servers of the same API without its status: a required version has to be confirmed.
      guard error.kind != .unavailable, model.version == nil else { throw error }
      return nil
    }
    guard let status = try? JSONDecoder().decode(Status.self, from: Data(reply.body)) else {
      throw InferenceError(
        .unavailable, "'\(name)' at \(model.address): the status of its versions can't be read")
    }
    let available = status.versions.filter { $0.state == "AVAILABLE" }.map(\.version)
    guard let newest = available.max(by: { $0.compare($1, options: .numeric) == .orderedAscending }) else {
      throw InferenceError(.unavailable, "\(model.address) has no version of '\(name)' that is available")
    }
    try check(versions: available)
    return model.version ?? newest
  }
}
