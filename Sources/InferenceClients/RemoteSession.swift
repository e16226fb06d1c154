import Inference
import Synchronization

/// A model on another server, behind a circuit breaker: failures of network and server are retried; after some failures
/// in a row no request is sent for a while, longer each time, and the model runs in this process where it can.
final class RemoteSession: ModelSession {
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

  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let server: RemoteServer
  private let fallback: (any ModelSession)?
  private let name: String
  private let report: @Sendable (String) -> Void
  private let breaker = Mutex(Breaker())

  private static let maximumFailures = 3
  private static let longestPause = 30.0

  var isLost: Bool { fallback?.isLost ?? false }

  /// The server; the local engine while requests go to the fallback.
  var engine: EngineIdentity {
    let isOpen = breaker.withLock { $0.openUntil != nil }
    if isOpen, let fallback { return fallback.engine }
    return EngineIdentity(name: "remote", version: server.model.address)
  }

  init(
    name: String, inputs: [TensorSpec], outputs: [TensorSpec], server: RemoteServer,
    fallback: (any ModelSession)?, report: @escaping @Sendable (String) -> Void
  ) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.server = server
    self.fallback = fallback
    self.report = report
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    guard mayTry() else {
      if let fallback { return try await fallback.infer(tensors) }
      throw InferenceError(
        .unavailable,
        "\(server.model.address) does not answer '\(name)'; the next attempt follows within \(Int(Self.longestPause)) s"
      )
    }
    var last = InferenceError(.unavailable, "")
    for attempt in 0...server.model.retries {
      do throws(InferenceError) {
        let results = try await server.infer(tensors, inputs, outputs)
        note(isAlive: true)
        return results
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
    if let fallback { return try await fallback.infer(tensors) }
    throw last
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
