import Synchronization

/// Bounds the log lines of one kind: one a second, with the number of lines that were left out.
public final class LogLimit: Sendable {
  private struct State {
    var last: ContinuousClock.Instant?
    var suppressed = 0
  }
  private let state = Mutex(State())
  private let interval: Duration

  public init(interval: Duration = .seconds(1)) { self.interval = interval }

  /// Decides on a line.
  ///
  /// - Returns: the number of lines left out since the last one; nil when this one must be left out.
  public func permit(at now: ContinuousClock.Instant = .now) -> Int? {
    state.withLock { state in
      if let last = state.last, now - last < interval {
        state.suppressed += 1
        return nil
      }
      defer { state = State(last: now) }
      return state.suppressed
    }
  }
}
