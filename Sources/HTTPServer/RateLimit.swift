import Synchronization

/// A token bucket that holds the requests of one second.
final class RateLimit: Sendable {
  private struct State {
    var tokens: Double
    var filled: ContinuousClock.Instant
  }
  private let state: Mutex<State>
  private let rate: Double

  /// - Parameter rate: requests a second.
  init(_ rate: Double) {
    self.rate = rate
    state = Mutex(State(tokens: rate, filled: .now))
  }

  /// Takes a token from the bucket; returns false when it is empty.
  func admits() -> Bool {
    state.withLock { state in
      let now = ContinuousClock.now
      state.tokens = min(rate, state.tokens + (now - state.filled) / .seconds(1) * rate)
      state.filled = now
      guard state.tokens >= 1 else { return false }
      state.tokens -= 1
      return true
    }
  }
}
