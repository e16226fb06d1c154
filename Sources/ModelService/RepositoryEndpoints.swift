import Authorisation
import HTTPServer
import HTTPTypes
import Inference

/// Triton's model repository extension: the index of models, and their loading and unloading.
struct RepositoryEndpoints: Sendable {
  let access: ModelAccess

  private struct Entry: Encodable {
    var name: String
    var version: String
    var state: String
    var reason: String
  }

  func index(_ call: ModelCall) async -> HTTPReply {
    .json(
      await access.host.index().filter { call.rights.mayUse($0.name) }.map {
        Entry(name: $0.name, version: $0.version, state: $0.state, reason: $0.reason)
      })
  }

  func load(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    try requireModel(call)
    try await access.host.reload(call.model)
    return HTTPReply(status: .ok)
  }

  func unload(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    try requireModel(call)
    try await access.host.unload(call.model)
    return HTTPReply(status: .ok)
  }

  private func requireModel(_ call: ModelCall) throws(InferenceError) {
    guard call.rights.mayUse(call.model) else { throw ModelAccess.missing(call.model) }
  }
}
