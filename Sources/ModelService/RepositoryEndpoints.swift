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
      await access.host.index().filter { call.permission.mayUse($0.name) }.map {
        Entry(name: $0.name, version: $0.version, state: $0.state, reason: $0.reason)
      })
  }

  func load(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    if let refusal = try refusal(call) { return refusal }
    try await access.host.reload(call.model)
    return HTTPReply(status: .ok)
  }

  func unload(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    if let refusal = try refusal(call) { return refusal }
    try await access.host.unload(call.model)
    return HTTPReply(status: .ok)
  }

  /// The reply to a client without the right to change state.
  static let forbidden = HTTPReply.error(
    .forbidden,
    HTTPRequestError(
      .notPermitted, "this token may not load or unload models; use one with 'manage: true'"))

  private func refusal(_ call: ModelCall) throws(InferenceError) -> HTTPReply? {
    guard call.permission.manages else { return Self.forbidden }
    guard call.permission.mayUse(call.model) else { throw ModelAccess.missing(call.model) }
    return nil
  }
}
