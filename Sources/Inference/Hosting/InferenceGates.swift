import Synchronization

/// The result of a run.
public struct InferenceResult: Sendable {
  /// In the order of the session's outputs.
  public var tensors: [Tensor]
  /// The version that a server names; nil for that of the manifest.
  public var version: String?
}

/// The queues in front of the models: one for this process, and one for each server, so that a slow server delays neither
/// models of this process nor those of other servers.
///
/// Policy of each queue: that of `InferenceScheduler`.
public final class InferenceGates: Sendable {
  /// For models in this process.
  public let local: InferenceScheduler
  private let servers = Mutex<[String: InferenceScheduler]>([:])

  /// Requests that one server has at a time; servers queue and batch them.
  private static let serverWidth = 8

  /// - Parameter width: concurrent inferences in this process.
  init(width: Int) { local = InferenceScheduler(width: width) }

  /// - Parameter address: of the configuration, so that the number of queues is bounded.
  func server(_ address: String) -> InferenceScheduler {
    servers.withLock { servers in
      if let known = servers[address] { return known }
      let gate = InferenceScheduler(width: Self.serverWidth)
      servers[address] = gate
      return gate
    }
  }

  public var waiting: Int { servers.withLock { $0.values.reduce(local.waiting) { $0 + $1.waiting } } }

  /// Runs a model in its queue; in that of this process where its server is unavailable.
  func run(
    _ model: ModelHost.Loaded, _ tensors: [Tensor], _ priority: InferencePriority, within limit: Duration
  ) async throws(InferenceError) -> InferenceResult {
    var session = model.session
    if let remote = session as? any RemoteModelSession {
      let outcome = try await server(model.location).run(priority, within: limit) {
        () throws(InferenceError) in try await remote.attempt(tensors)
      }
      switch outcome {
      case .answer(let results, let version): return InferenceResult(tensors: results, version: version)
      case .fallback(let other): session = other
      }
    }
    let chosen = session
    let results = try await local.run(priority, within: limit) { () throws(InferenceError) in
      try await chosen.infer(tensors)
    }
    return InferenceResult(tensors: results)
  }
}
