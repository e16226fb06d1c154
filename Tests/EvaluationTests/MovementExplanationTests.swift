import Foundation
import Perception
import Spatial
import Testing

@testable import Evaluation

struct MovementExplanationTests {
  /// Returns a drawn movement with a person's own speed, slant and tremble.
  private func draw(seed: UInt64, _ position: (Double) -> (Double, Double)) -> GestureTrace {
    var noise = SeededRandom(seed: seed)
    func tremble() -> Double { Double.random(in: -1...1, using: &noise) }
    let slant = tremble() * 0.2
    return GestureTrace(
      points: (0..<40).map { index in
        // At a varying speed.
        let s = Double(index) / 39
        let (x, y) = position(s + 0.08 * sin(2 * .pi * s))
        return GestureTrace.Point(
          time: s, x: 0.3 * (x + slant * y + 0.02 * tremble()), y: 0.3 * (y - slant * x + 0.02 * tremble()),
          z: 0.3 * 0.1 * tremble() * 0.2)
      })
  }

  /// Two gestures with the same start: only their ends differ, and the explanation marks the end.
  @Test func explanationMarksTheStretchThatDiffers() async throws {
    func hook(_ up: Double) -> GestureTrace {
      draw(seed: 1) { s in s < 0.7 ? (s / 0.7, 0) : (1, up * (s - 0.7) / 0.3) }
    }
    let model = GestureModel([("up", hook(1)), ("down", hook(-1))])
    let trace = draw(seed: 9) { s in s < 0.7 ? (s / 0.7, 0) : (1, (s - 0.7) / 0.3) }
    #expect(model.classify(trace)?.name == "up")
    // The difference of the distances to the two.
    let explanation = await MovementExplanation.explain(trace) { changed in
      (model.distance(changed, to: "down") ?? 0) - (model.distance(changed, to: "up") ?? 0)
    }
    let stretch = try #require(explanation.mainStretch)
    #expect(stretch.lowerBound > 0.5, "\(stretch)")
    // A constant score has no decisive stretch.
    let indifferent = await MovementExplanation.explain(trace) { _ in 1 }
    #expect(indifferent.mainStretch == nil && indifferent.values.count == trace.points.count)
    let short = GestureTrace(points: Array(trace.points.prefix(2)))
    #expect(await MovementExplanation.explain(short) { _ in 1 }.values == [0, 0])
  }
}
