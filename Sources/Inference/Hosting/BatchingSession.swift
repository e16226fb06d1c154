import Synchronization

/// Runs together what waits for the same model: while it works on one lot, the next gathers. Nobody waits for company.
///
/// For models whose tensors all have an open first dimension; others go one by one.
final class BatchingSession: ModelSession {
  private struct Waiting {
    var tensors: [Tensor]
    var rows: Int
    var continuation: CheckedContinuation<Result<[Tensor], InferenceError>, Never>
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
    let result: Result<[Tensor], InferenceError> = await withCheckedContinuation { continuation in
      let waiting = Waiting(tensors: tensors, rows: rows, continuation: continuation)
      enum Step { case start, wait, full }
      let step = state.withLock { state -> Step in
        guard state.queue.count < maximumWaiting else { return .full }
        state.queue.append(waiting)
        if state.isRunning { return .wait }
        state.isRunning = true
        return .start
      }
      switch step {
      case .start: Task { await drain() }
      case .wait: break
      case .full: continuation.resume(returning: .failure(InferenceError(.late, "too many inferences wait")))
      }
    }
    return try result.get()
  }

  private func drain() async {
    while true {
      let lot = state.withLock { state -> [Waiting] in
        guard let first = state.queue.first else {
          state.isRunning = false
          return []
        }
        var taken: [Waiting] = []
        var rows = 0
        var rest: [Waiting] = []
        for waiting in state.queue {
          let fits =
            rows + waiting.rows <= max(maximumRows, first.rows)
            && zip(waiting.tensors, first.tensors).allSatisfy { $0.shape.dropFirst() == $1.shape.dropFirst() }
          if fits {
            taken.append(waiting)
            rows += waiting.rows
          } else {
            rest.append(waiting)
          }
        }
        state.queue = rest
        return taken
      }
      if lot.isEmpty { return }
      await run(lot)
    }
  }

  private func run(_ lot: [Waiting]) async {
    if lot.count == 1 {
      do throws(InferenceError) {
        lot[0].continuation.resume(returning: .success(try await session.infer(lot[0].tensors)))
      } catch {
        lot[0].continuation.resume(returning: .failure(error))
      }
      return
    }
    let rows = lot.reduce(0) { $0 + $1.rows }
    do throws(InferenceError) {
      var joined: [Tensor] = []
      for (index, spec) in inputs.enumerated() {
        let bytes = lot.flatMap { $0.tensors[index].bytes }
        let shape = [rows] + lot[0].tensors[index].shape.dropFirst()
        guard let tensor = Tensor(type: spec.type, shape: shape, bytes: bytes) else {
          throw InferenceError(.input, "the batch is too large")
        }
        joined.append(tensor)
      }
      let results = try await session.infer(joined)
      guard results.allSatisfy({ $0.shape.first == rows }) else {
        throw InferenceError(.failed, "the model gave another number of rows than it was given")
      }
      var start = 0
      for waiting in lot {
        let part = results.compactMap { tensor -> Tensor? in
          let width = tensor.bytes.count / rows
          let shape = [waiting.rows] + tensor.shape.dropFirst()
          return Tensor(
            type: tensor.type, shape: shape,
            bytes: Array(tensor.bytes[(start * width)..<((start + waiting.rows) * width)]))
            ?? Tensor(empty: tensor.type, shape: shape)
        }
        start += waiting.rows
        waiting.continuation.resume(returning: .success(part))
      }
    } catch {
      // One that does not agree with the model must not spoil the others: each on its own.
      for waiting in lot {
        do throws(InferenceError) {
          waiting.continuation.resume(returning: .success(try await session.infer(waiting.tensors)))
        } catch {
          waiting.continuation.resume(returning: .failure(error))
        }
      }
    }
  }
}
