import Synchronization

/// Runs together what waits for the same model: while it works on one lot, the next gathers. Nobody waits for company.
///
/// For models whose tensors all have an open first dimension; others go one by one.
final class BatchingSession: ModelSession {
  /// What becomes of one that waited.
  private enum Turn: Sendable {
    case result(Result<[Tensor], InferenceError>)
    /// It runs the next lot, its own tensors first: who asks does the work, and no other thread is woken for it.
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

  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let session: any ModelSession
  private let state = Mutex(State())
  private let maximumRows = 64
  private let maximumWaiting = 1024

  /// - Returns: nil for models that take no batches.
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
      throw InferenceError(.input, "the tensors of a batch have different first dimensions")
    }
    let isFirst = state.withLock { state in
      defer { state.isRunning = true }
      return !state.isRunning
    }
    if !isFirst {
      let turn = await withCheckedContinuation { continuation in
        let waiting = Waiting(tensors: tensors, rows: rows, continuation: continuation)
        let answer = state.withLock { state -> Turn? in
          guard state.queue.count < maximumWaiting else {
            return .result(.failure(InferenceError(.late, "too many inferences wait")))
          }
          guard state.isRunning else {
            // Who led has gone meanwhile.
            state.isRunning = true
            return .lead
          }
          state.queue.append(waiting)
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
      if case .result(let result) = turn { return try result.get() }
    }
    let result = await run(tensors, rows, with: company(of: tensors, rows))
    handOver()
    return try result.get()
  }

  /// Those who wait and fit.
  private func company(of tensors: [Tensor], _ rows: Int) -> [Waiting] {
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

  /// The next who waits leads.
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

  /// Runs one's own tensors and the others', and answers the others.
  private func run(
    _ tensors: [Tensor], _ ownRows: Int, with company: [Waiting]
  ) async -> Result<[Tensor], InferenceError> {
    if company.isEmpty { return await run(tensors) }
    let rows = company.reduce(ownRows) { $0 + $1.rows }
    do throws(InferenceError) {
      var joined: [Tensor] = []
      for (index, spec) in inputs.enumerated() {
        let bytes = tensors[index].bytes + company.flatMap { $0.tensors[index].bytes }
        let shape = [rows] + tensors[index].shape.dropFirst()
        guard let tensor = Tensor(type: spec.type, shape: shape, bytes: bytes) else {
          throw InferenceError(.input, "the batch is too large")
        }
        joined.append(tensor)
      }
      let results = try await session.infer(joined)
      guard results.allSatisfy({ $0.shape.first == rows }) else {
        throw InferenceError(.failed, "the model gave another number of rows than it was given")
      }
      var start = ownRows
      for waiting in company {
        waiting.continuation.resume(
          returning: .result(.success(Self.part(results, start, waiting.rows, of: rows))))
        start += waiting.rows
      }
      return .success(Self.part(results, 0, ownRows, of: rows))
    } catch {
      // One that does not agree with the model must not spoil the others: each on its own.
      for waiting in company {
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
