import Synchronization

/// Combines waiting requests for one model into batches. A request never waits for others: a batch consists of the
/// requests that arrived during the previous run.
///
/// Policy of the queue: bounded to 1024 requests; further requests fail. Only for models whose manifest states that rows do
/// not affect each other (`batch`), and whose tensors all have an open first dimension.
final class BatchingSession: ModelSession {
  /// The outcome of waiting.
  private enum Turn: Sendable {
    case result(Result<[Tensor], InferenceError>)
    /// This request runs the next batch on its own task, so that no other thread is woken.
    case lead
  }
  private struct Waiting {
    var tensors: [Tensor]
    var rows: Int
    var continuation: CheckedContinuation<Turn, Never>
  }
  private struct State {
    var queue: [Waiting] = []
    var isRunning = false
  }

  var engine: EngineIdentity { session.engine }
  var isLost: Bool { session.isLost }
  var precisionNote: String? { session.precisionNote }
  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let session: any ModelSession
  private let state = Mutex(State())
  private let maximumRows = 64
  private let maximumWaiting = 1024

  /// - Returns: nil for models with a fixed batch size.
  init?(_ session: any ModelSession) {
    guard !session.inputs.isEmpty, !session.outputs.isEmpty,
      (session.inputs + session.outputs).allSatisfy({ $0.shape.first == -1 })
    else { return nil }
    self.session = session
    inputs = session.inputs
    outputs = session.outputs
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    guard let rows = tensors.first?.shape.first, tensors.allSatisfy({ $0.shape.first == rows }) else {
      throw InferenceError(.input, "the tensors of a request have different first dimensions")
    }
    let isFirst = state.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    if !isFirst {
      let turn = await withCheckedContinuation { continuation in
        let waiting = Waiting(tensors: tensors, rows: rows, continuation: continuation)
        let turn = state.withLock { state -> Turn? in
          guard state.queue.count < maximumWaiting else {
            return .result(.failure(InferenceError(.late, "too many requests wait for the model")))
          }
          guard state.isRunning else {
            // The leader finished in the meantime.
            state.isRunning = true
            return .lead
          }
          state.queue.append(waiting)
          return nil
        }
        if let turn { continuation.resume(returning: turn) }
      }
      if case .result(let result) = turn { return try result.get() }
    }
    let result = await run(tensors, rows, with: companions(of: tensors, rows))
    handOver()
    return try result.get()
  }

  /// Removes the waiting requests that fit into the batch.
  private func companions(of tensors: [Tensor], _ rows: Int) -> [Waiting] {
    state.withLock { state -> [Waiting] in
      var taken: [Waiting] = []
      var total = rows
      state.queue.removeAll { waiting in
        guard total + waiting.rows <= max(maximumRows, rows),
          zip(waiting.tensors, tensors).allSatisfy({ $0.shape.dropFirst() == $1.shape.dropFirst() })
        else { return false }
        taken.append(waiting)
        total += waiting.rows
        return true
      }
      return taken
    }
  }

  /// Makes the next waiting request the leader.
  private func handOver() {
    let next = state.withLock { state -> Waiting? in
      guard !state.queue.isEmpty else {
        state.isRunning = false
        return nil
      }
      return state.queue.removeFirst()
    }
    next?.continuation.resume(returning: .lead)
  }

  /// Runs the batch and resumes the companions.
  private func run(
    _ tensors: [Tensor], _ ownRows: Int, with companions: [Waiting]
  ) async -> Result<[Tensor], InferenceError> {
    if companions.isEmpty { return await run(tensors) }
    let rows = companions.reduce(ownRows) { $0 + $1.rows }
    do throws(InferenceError) {
      var joined: [Tensor] = []
      for (index, spec) in inputs.enumerated() {
        let bytes = tensors[index].bytes + companions.flatMap { $0.tensors[index].bytes }
        let shape = [rows] + tensors[index].shape.dropFirst()
        guard let tensor = Tensor(type: spec.type, shape: shape, bytes: bytes) else {
          throw InferenceError(.input, "the batch is too large")
        }
        joined.append(tensor)
      }
      let results = try await session.infer(joined)
      guard results.allSatisfy({ $0.shape.first == rows }) else {
        throw InferenceError(.failed, "the model returned a different number of rows than its input has")
      }
      var start = ownRows
      for waiting in companions {
        waiting.continuation.resume(
          returning: .result(.success(Self.part(results, start, waiting.rows, of: rows))))
        start += waiting.rows
      }
      return .success(Self.part(results, 0, ownRows, of: rows))
    } catch {
      // Each request on its own, so that one with invalid input does not fail the others.
      for waiting in companions {
        waiting.continuation.resume(returning: .result(await run(waiting.tensors)))
      }
      return await run(tensors)
    }
  }

  private func run(_ tensors: [Tensor]) async -> Result<[Tensor], InferenceError> {
    do throws(InferenceError) { return .success(try await session.infer(tensors)) } catch {
      return .failure(error)
    }
  }

  private static func part(_ results: [Tensor], _ start: Int, _ count: Int, of rows: Int) -> [Tensor] {
    results.compactMap { tensor in
      let width = tensor.bytes.count / rows
      let shape = [count] + tensor.shape.dropFirst()
      return Tensor(
        type: tensor.type, shape: shape,
        bytes: Array(tensor.bytes[(start * width)..<((start + count) * width)]))
        ?? Tensor(empty: tensor.type, shape: shape)
    }
  }
}
