import Testing

@testable import Interop

struct PaceTests {
  /// Turns keep their rate whatever each costs, and turns missed in a pause are skipped.
  @Test func delaysDoNotAccumulateAndMissedTurnsAreSkipped() {
    let start = ContinuousClock.now
    var pace = Pace(rate: 100, from: start)
    for turn in 1...50 {
      // Each turn ends a little late.
      let next = pace.turn(now: start + .milliseconds(10 * (turn - 1) + 4))
      #expect(next == start + .milliseconds(10 * turn))
    }
    #expect(abs(pace.elapsed - 0.5) < 1e-9)
    let later = start + .seconds(60)
    #expect(pace.turn(now: later) == later)
    #expect(pace.turn(now: later) == later + .milliseconds(10))
  }
}
