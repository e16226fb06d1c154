import Spatial

/// Which moments of a movement its answer rests on, from outside the learner: stretches are straightened one after the
/// other (occlusion, Zeiler and Fergus, 2014, for ways in place of pictures), and where the answer suffers, the stretch
/// mattered.
public struct MovementExplanation: Sendable {
  /// For each point of the movement, 0 to 1: how much the answer suffers without what is around it.
  public let values: [Double]

  /// Stretches along the movement, half of each over the next, and the share of the points that one has.
  private static let stretches = 24
  private static let reach = 0.12

  /// - Parameter score: how well the answer fits; larger is better.
  public static func explain<Fault: Error>(
    _ trace: GestureTrace, score: (GestureTrace) async throws(Fault) -> Double
  ) async throws(Fault) -> MovementExplanation {
    let count = trace.points.count
    var sums = [Double](repeating: 0, count: count)
    var weights = sums
    let whole = try await score(trace)
    let length = max(3, Int(Self.reach * Double(count)))
    for stretch in 0..<Self.stretches where count > length + 2 {
      let from = stretch * (count - 1 - length) / max(1, Self.stretches - 1)
      let loss = max(0, whole - (try await score(straightened(trace, from, from + length))))
      for place in from...(from + length) {
        sums[place] += loss
        weights[place] += 1
      }
    }
    let means = zip(sums, weights).map { $1 > 0 ? $0 / $1 : 0 }
    let largest = means.max() ?? 0
    return MovementExplanation(values: means.map { largest > 0 ? $0 / largest : 0 })
  }

  private static func straightened(_ trace: GestureTrace, _ from: Int, _ to: Int) -> GestureTrace {
    var points = trace.points
    let (start, end) = (points[from].vector, points[to].vector)
    for place in (from + 1)..<to {
      let along = start + (end - start) * (Double(place - from) / Double(to - from))
      (points[place].x, points[place].y, points[place].z) = (along.x, along.y, along.z)
    }
    return GestureTrace(points: points)
  }

  /// The stretch of the points that matter at least half as much as the one that matters most, as shares of the way.
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
