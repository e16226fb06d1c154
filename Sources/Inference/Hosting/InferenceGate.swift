import Synchronization

/// What matters more goes first.
public enum InferencePriority: Int, Sendable, Comparable, CaseIterable {
  case background, objects, service, hands

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Lets so many inferences run at a time, and among those that wait the most important first, then who came first.
///
/// Policy of the queue: bounded; who finds it full is refused at once, and who waited past their deadline is let go
/// with an error, so nothing grows.
public final class InferenceGate: Sendable {
  private struct Waiter {
    var priority: InferencePriority
    var number: UInt64
    var deadline: ContinuousClock.Instant
    var continuation: CheckedContinuation<Bool, Never>
  }
  private struct State {
    var running = 0
    var waiters: [Waiter] = []
    var next: UInt64 = 0
  }
  private let state = Mutex(State())
  private let width: Int
  private let depth: Int

  /// - Parameters:
  ///   - width: inferences at a time.
  ///   - depth: waiters at a time.
  public init(width: Int, depth: Int = 256) {
    self.width = max(1, width)
    self.depth = depth
  }

  public var waiting: Int { state.withLock { $0.waiters.count } }

  public func run<Result: Sendable>(
    _ priority: InferencePriority, within patience: Duration,
    _ body: () async throws(InferenceError) -> Result
  ) async throws(InferenceError) -> Result {
    try await enter(priority, ContinuousClock.now + patience)
    defer { leave() }
    return try await body()
  }

  private func enter(
    _ priority: InferencePriority, _ deadline: ContinuousClock.Instant
  ) async throws(InferenceError) {
    enum Answer { case enter, wait, full }
    var answer = Answer.wait
    let isIn = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
      answer = state.withLock { state in
        if state.running < width {
          state.running += 1
          return .enter
        }
        guard state.waiters.count < depth else { return .full }
        state.waiters.append(
          Waiter(priority: priority, number: state.next, deadline: deadline, continuation: continuation))
        state.next += 1
        return .wait
      }
      if answer != .wait { continuation.resume(returning: answer == .enter) }
    }
    guard isIn else {
      throw InferenceError(
        .late, answer == .full ? "too many inferences wait" : "the inference waited past its deadline")
    }
  }

  private func leave() {
    let now = ContinuousClock.now
    var late: [Waiter] = []
    let next: Waiter? = state.withLock { state in
      late = state.waiters.filter { $0.deadline < now }
      state.waiters.removeAll { $0.deadline < now }
      let best = state.waiters.indices.max { left, right in
        let (a, b) = (state.waiters[left], state.waiters[right])
        return a.priority != b.priority ? a.priority < b.priority : a.number > b.number
      }
      guard let best else {
        state.running -= 1
        return nil
      }
      return state.waiters.remove(at: best)
    }
    for waiter in late { waiter.continuation.resume(returning: false) }
    next?.continuation.resume(returning: true)
  }
}
