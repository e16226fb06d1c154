/// Turns at an even rate, whose lateness does not add up. A machine that slept does not make up for what it missed.
struct Pace {
  private let period: Duration
  private var next: ContinuousClock.Instant
  /// Since the first turn, seconds.
  private(set) var elapsed = 0.0
  private let start: ContinuousClock.Instant

  /// - Parameter rate: turns a second.
  init(rate: Double, from start: ContinuousClock.Instant = .now) {
    period = .seconds(1 / rate)
    self.start = start
    next = start
  }

  /// - Returns: the moment of the next turn, at the latest one period from now.
  mutating func turn(now: ContinuousClock.Instant = .now) -> ContinuousClock.Instant {
    next = max(next + period, now)
    elapsed = (next - start) / .seconds(1)
    return next
  }
}
