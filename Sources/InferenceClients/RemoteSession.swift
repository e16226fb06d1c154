import Inference
import Synchronization

/// A model on another server, behind a circuit breaker: failures of network and server are retried; after some failures
/// in a row no request is sent for a while, longer each time, and the model runs in this process where it can.
final class RemoteSession: RemoteModelSession {
  private struct Breaker {
    var failures = 0
    /// Until then no request is sent; nil while the server is used.
    var openUntil: ContinuousClock.Instant?
    var pause = 1.0
    /// Whether one request probes whether the server has returned.
    var isProbing = false
    /// Whether the operator has a report that the server is unavailable.
    var isReported = false
  }

  /// The state of the server's model.
  private struct Served {
    /// Whether the server's metadata were compared with the tensors of this session.
    var isVerified: Bool
    /// The version to request; nil for the server's choice.
    var wanted: String?
    /// The version that the server named last.
    var version: String?
    /// Whether the server's model has other tensors or another version since the session was opened.
    var isOther = false
  }

  var inputs: [TensorSpec] { specs.inputs }
  var outputs: [TensorSpec] { specs.outputs }
  private let specs: RemoteSpecs
  private let server: RemoteServer
  private let served: Mutex<Served>
  private let fallback: (any ModelSession)?
  private let name: String
  private let report: @Sendable (String) -> Void
  private let breaker = Mutex(Breaker())

  private static let maximumFailures = 3
  private static let longestPause = 30.0

  var isLost: Bool { fallback?.isLost ?? false || served.withLock { $0.isOther } }

  /// nil while requests go to the fallback.
  var servedVersion: String? {
    breaker.withLock { $0.openUntil != nil } ? nil : served.withLock { $0.version }
  }

  /// The server; the local engine while requests go to the fallback.
  var engine: EngineIdentity {
    let isOpen = breaker.withLock { $0.openUntil != nil }
    if isOpen, let fallback { return fallback.engine }
    return EngineIdentity(name: "remote", version: server.model.address)
  }

  /// - Parameter metadata: of the server; nil when it did not answer.
  init(
    name: String, _ specs: RemoteSpecs, _ server: RemoteServer, _ metadata: RemoteMetadata?,
    fallback: (any ModelSession)?, report: @escaping @Sendable (String) -> Void
  ) {
    self.name = name
    self.specs = specs
    self.server = server
    served = Mutex(
      Served(
        isVerified: metadata != nil, wanted: metadata?.version ?? server.model.version,
        version: metadata?.version))
    self.fallback = fallback
    self.report = report
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    switch try await attempt(tensors) {
    case .answer(let results, _): return results
    case .fallback(let session): return try await session.infer(tensors)
    }
  }

  func attempt(_ tensors: [Tensor]) async throws(InferenceError) -> RemoteOutcome {
    try TensorCheck.check(tensors, against: inputs)
    guard mayTry() else {
      if let fallback { return .fallback(fallback) }
      throw InferenceError(
        .unavailable,
        "\(server.model.address) does not answer '\(name)'; the next attempt follows within \(Int(Self.longestPause)) s"
      )
    }
    var last = InferenceError(.unavailable, "")
    for attempt in 0...server.model.retries {
      do throws(InferenceError) {
        let results = try await request(tensors)
        note(isAlive: true)
        return .answer(results.tensors, version: results.version)
      } catch {
        last = error
        guard error.kind == .unavailable else {
          // The server answered: it rejects this request.
          note(isAlive: true)
          throw error
        }
        if attempt < server.model.retries {
          // Exponential back-off with jitter, so that clients do not retry in step.
          let pause = 0.05 * Double(1 << min(attempt, 6)) * Double.random(in: 0.5...1.5)
          try? await Task.sleep(for: .seconds(pause))
        }
      }
    }
    note(isAlive: false, because: last.description)
    if let fallback { return .fallback(fallback) }
    throw last
  }

  /// Sends one request, to a server whose model was compared with this session's.
  /// - Parameter isRepeated: the server has replaced the version that was found before.
  private func request(
    _ tensors: [Tensor], isRepeated: Bool = false
  ) async throws(InferenceError) -> (tensors: [Tensor], version: String?) {
    if !served.withLock({ $0.isVerified }) { try await verify() }
    var server = server
    server.model.version = served.withLock { $0.wanted }
    do throws(InferenceError) {
      let results = try await server.infer(tensors, specs)
      served.withLock { $0.version = results.version }
      return results
    } catch {
      // An answer that does not fit, or a version that is gone: the server may have another model now.
      let isReplaced = error.kind == .notFound && server.model.version != self.server.model.version
      served.withLock { served in
        if isReplaced, isRepeated { served.isOther = true }
        if error.kind != .input { served.isVerified = false }
      }
      guard isReplaced, !isRepeated else { throw error }
      return try await request(tensors, isRepeated: true)
    }
  }

  /// Compares the server's metadata with the tensors of this session.
  private func verify() async throws(InferenceError) {
    let metadata = try await server.metadata(fallback ?? self)
    do throws(OpenInferenceError) {
      _ = try metadata.specs.ordered(like: specs, of: "'\(name)' when it was opened")
    } catch {
      served.withLock { $0.isOther = fallback == nil }
      throw InferenceError(.unavailable, "'\(name)' at \(server.model.address): \(error)")
    }
    served.withLock { served in
      served.isVerified = true
      served.wanted = metadata.version ?? server.model.version
    }
  }

  private func mayTry() -> Bool {
    breaker.withLock { breaker in
      guard let until = breaker.openUntil else { return true }
      guard ContinuousClock.now >= until, !breaker.isProbing else { return false }
      breaker.isProbing = true
      return true
    }
  }

  /// Records whether the server answered, and reports a change to the operator.
  func note(isAlive: Bool, because reason: String = "") {
    let change = breaker.withLock { breaker -> String? in
      breaker.isProbing = false
      if isAlive {
        defer { breaker = Breaker() }
        return breaker.isReported ? "\(server.model.address) answers '\(name)' again" : nil
      }
      breaker.failures += 1
      // One failed probe opens the breaker again at once.
      guard breaker.failures >= Self.maximumFailures || breaker.openUntil != nil || reason.isEmpty else {
        return nil
      }
      breaker.openUntil = .now + .seconds(breaker.pause)
      breaker.pause = min(breaker.pause * 2, Self.longestPause)
      defer { breaker.isReported = true }
      guard !breaker.isReported, !reason.isEmpty else { return nil }
      return reason + (fallback == nil ? "" : "; '\(name)' runs in this process meanwhile")
    }
    if let change { report(change) }
  }
}
