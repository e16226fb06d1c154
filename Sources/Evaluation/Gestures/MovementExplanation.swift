import Perception
import Spatial

/// Finds the parts of a movement that determine its recognition: stretches are straightened in turn (occlusion, Zeiler
/// and Fergus, 2014, for paths instead of pictures); the larger the fall of the score, the more the stretch matters.
public struct MovementExplanation: Sendable {
  /// For each point of the movement, 0 to 1: the fall of the score without its surroundings.
  public let values: [Double]

  /// Number of stretches, which overlap by half, and the share of the points in one.
  private static let stretches = 24
  private static let reach = 0.12

  /// - Parameter score: the quality of the answer; larger is better.
  public static func explain<ScoreError: Error>(
    _ trace: GestureTrace, score: (GestureTrace) async throws(ScoreError) -> Double
  ) async throws(ScoreError) -> MovementExplanation {
    let count = trace.points.count
    var sums = [Double](repeating: 0, count: count)
    var weights = sums
    let whole = try await score(trace)
    let length = max(3, Int(Self.reach * Double(count)))
    for stretch in 0..<Self.stretches where count > length + 2 {
      let from = stretch * (count - 1 - length) / max(1, Self.stretches - 1)
      let loss = max(0, whole - (try await score(straightened(trace, from, from + length))))
      for index in from...(from + length) {
        sums[index] += loss
        weights[index] += 1
      }
    }
    let means = zip(sums, weights).map { $1 > 0 ? $0 / $1 : 0 }
    let largest = means.max() ?? 0
    return MovementExplanation(values: means.map { largest > 0 ? $0 / largest : 0 })
  }

  private static func straightened(_ trace: GestureTrace, _ from: Int, _ to: Int) -> GestureTrace {
    var points = trace.points
    let (start, end) = (points[from].vector, points[to].vector)
    for index in (from + 1)..<to {
      let along = start + (end - start) * (Double(index - from) / Double(to - from))
      (points[index].x, points[index].y, points[index].z) = (along.x, along.y, along.z)
    }
    return GestureTrace(points: points)
  }

  /// The stretch of points with at least half of the largest weight, as shares of the path.
  public var mainStretch: ClosedRange<Double>? {
    guard values.count > 1, let peak = values.indices.max(by: { values[$0] < values[$1] }), values[peak] > 0
    else { return nil }
    var (low, high) = (peak, peak)
    while low > 0, values[low - 1] >= 0.5 { low -= 1 }
    while high < values.count - 1, values[high + 1] >= 0.5 { high += 1 }
    let last = Double(values.count - 1)
    return Double(low) / last...Double(high) / last
  }
}
