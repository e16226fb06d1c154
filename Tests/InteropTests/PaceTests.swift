import Testing

@testable import Interop

struct PaceTests {
  /// Turns come at their rate whatever each costs, and a pause is not made up for.
  @Test func latenessNeitherAddsUpNorIsMadeUpFor() {
    let start = ContinuousClock.now
    var pace = Pace(rate: 100, from: start)
    for turn in 1...50 {
      // Each turn is told a little late.
      let next = pace.turn(now: start + .milliseconds(10 * (turn - 1) + 4))
      #expect(next == start + .milliseconds(10 * turn))
    }
    #expect(abs(pace.elapsed - 0.5) < 1e-9)
    let later = start + .seconds(60)
    #expect(pace.turn(now: later) == later)
    #expect(pace.turn(now: later) == later + .milliseconds(10))
  }
}
