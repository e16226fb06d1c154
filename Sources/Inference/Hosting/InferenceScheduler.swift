import Synchronization

/// Scheduling classes, the least urgent first.
public enum InferencePriority: Int, Sendable, Comparable, CaseIterable {
  /// Results whose age does not matter.
  case background
  /// Results that update several times a second.
  case standard
  /// A client or a user waits for the result.
  case request
  /// Results that follow a body in motion.
  case interactive

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Limits concurrent inferences. Waiting requests run by priority, then in order of arrival.
///
/// Policy of the queue: bounded; a request fails when the queue is full or its deadline has passed.
public final class InferenceScheduler: Sendable {
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
  ///   - width: concurrent inferences.
  ///   - depth: waiting requests at most.
  public init(width: Int, depth: Int = 256) {
    self.width = max(1, width)
    self.depth = depth
  }

  public var waiting: Int { state.withLock { $0.waiters.count } }

  public func run<Result: Sendable>(
    _ priority: InferencePriority, within limit: Duration,
    _ body: () async throws(InferenceError) -> Result
  ) async throws(InferenceError) -> Result {
    try await enter(priority, ContinuousClock.now + limit)
    defer { leave() }
    return try await body()
  }

  private func enter(
    _ priority: InferencePriority, _ deadline: ContinuousClock.Instant
  ) async throws(InferenceError) {
    enum Admission { case enter, wait, full }
    var admission = Admission.wait
    let isIn = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
      admission = state.withLock { state in
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
      if admission != .wait { continuation.resume(returning: admission == .enter) }
    }
    guard isIn else {
      throw InferenceError(
        .late,
        admission == .full
          ? "too many inferences wait (\(depth))" : "the inference waited past its deadline")
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
