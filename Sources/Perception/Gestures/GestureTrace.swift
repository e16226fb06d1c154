import Foundation
import Spatial

/// The way of a hand or a controller through space: one movement.
public struct GestureTrace: Sendable, Hashable, Codable {
  public struct Point: Sendable, Hashable, Codable {
    /// Seconds from the first.
    public var time: Double
    /// Metres; X to the right of the person, Y up, −Z ahead.
    public var x: Double
    public var y: Double
    public var z: Double

    public init(time: Double, x: Double, y: Double, z: Double) {
      self.time = time
      self.x = x
      self.y = y
      self.z = z
    }

    var vector: Vector3 { Vector3(x, y, z) }
  }

  public var points: [Point]

  public init(points: [Point]) { self.points = points }

  public var duration: Double { (points.last?.time ?? 0) - (points.first?.time ?? 0) }

  /// Metres along the way.
  public var length: Double {
    zip(points, points.dropFirst()).reduce(0) { $0 + ($1.1.vector - $1.0.vector).length }
  }
}

/// A movement as a comparison sees it: so many places along it, centred and of one size, with the direction at each.
///
/// Resampling by length of way takes out the speed; the direction tells apart what crosses the same places.
struct GestureShape: Sendable, Hashable {
  static let count = 64
  /// Weight of places against directions (measured on 73 classes of air-written words).
  private static let placeWeight: Float = 0.7

  /// Place and direction of each sample.
  let places: [SIMD4<Float>]
  let directions: [SIMD4<Float>]

  /// - Returns: nil for what does not move.
  init?(_ trace: GestureTrace) {
    var way: [Vector3] = []
    for point in trace.points where point.vector.isFinite && point.vector != way.last {
      way.append(point.vector)
    }
    way = Self.smoothed(way)
    let steps = zip(way, way.dropFirst()).map { ($1 - $0).length }
    let length = steps.reduce(0, +)
    guard way.count >= 3, length > 1e-6, length.isFinite else { return nil }
    var samples: [Vector3] = []
    var (index, passed) = (0, 0.0)
    for number in 0..<Self.count {
      let target = length * Double(number) / Double(Self.count - 1)
      while index < steps.count - 1, passed + steps[index] < target {
        passed += steps[index]
        index += 1
      }
      let share = min(max((target - passed) / max(steps[index], 1e-12), 0), 1)
      samples.append(way[index] + (way[index + 1] - way[index]) * share)
    }
    let center = samples.reduce(Vector3.zero, +) / Double(samples.count)
    let low = samples.reduce(samples[0]) { pointwiseMin($0, $1) }
    let high = samples.reduce(samples[0]) { pointwiseMax($0, $1) }
    // The upright extent, and for flat movements a part of the widest.
    let extent = high - low
    let size = max(extent.y, 0.4 * extent.max())
    guard size > 1e-6 else { return nil }
    places = samples.map { SIMD4(SIMD3<Float>(($0 - center) / size), 0) * Self.placeWeight }
    directions = samples.indices.map { index in
      let step = samples[min(index + 1, samples.count - 1)] - samples[max(index - 1, 0)]
      return SIMD4(SIMD3<Float>(step.normalized ?? .zero), 0)
    }
  }

  /// Each place as the mean of itself and its neighbours: a hand's trembling, and a landmark's, has no direction.
  private static func smoothed(_ way: [Vector3]) -> [Vector3] {
    way.indices.map { index in
      // As far to either side as the nearer end is, so that the ends stay.
      let reach = min(1, index, way.count - 1 - index)
      return way[(index - reach)...(index + reach)].reduce(.zero, +) / Double(2 * reach + 1)
    }
  }

  /// Dynamic time warping (Sakoe and Chiba, 1978) in a band: how far two movements are apart, per sample.
  ///
  /// - Parameter limit: distances beyond it need not be known exactly.
  func distance(to other: GestureShape, limit: Float = .infinity) -> Float {
    let n = Self.count
    let band = 8
    var previous = [Float](repeating: .infinity, count: n + 1)
    var current = previous
    previous[0] = 0
    let bound = limit * Float(n)
    for i in 1...n {
      let (from, to) = (max(1, i - band), min(n, i + band))
      for j in (from - 1)...min(to + 1, n) { current[j] = .infinity }
      var least = Float.infinity
      for j in from...to {
        let place = places[i - 1] - other.places[j - 1]
        let direction = directions[i - 1] - other.directions[j - 1]
        let cost = (place * place + direction * direction).sum().squareRoot()
        let value = cost + min(previous[j - 1], previous[j], current[j - 1])
        current[j] = value
        least = min(least, value)
      }
      if least > bound { return .infinity }
      swap(&previous, &current)
    }
    return previous[n] / Float(n)
  }
}
