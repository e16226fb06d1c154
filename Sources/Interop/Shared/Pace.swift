/// A schedule at an even rate whose delays do not accumulate. After a suspension missed turns are skipped.
struct Pace {
  private let period: Duration
  private var next: ContinuousClock.Instant
  /// Seconds from the start to the next turn.
  private(set) var elapsed = 0.0
  private let start: ContinuousClock.Instant

  /// - Parameter rate: turns per second.
  init(rate: Double, from start: ContinuousClock.Instant = .now) {
    period = .seconds(1 / rate)
    self.start = start
    next = start
  }

  /// Returns the time of the next turn, at the latest one period from now.
  mutating func turn(now: ContinuousClock.Instant = .now) -> ContinuousClock.Instant {
    next = max(next + period, now)
    elapsed = (next - start) / .seconds(1)
    return next
  }
}
