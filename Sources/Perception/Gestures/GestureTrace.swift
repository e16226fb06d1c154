import Foundation
import Spatial

/// The path of one movement of a hand or controller.
public struct GestureTrace: Sendable, Hashable, Codable {
  public struct Point: Sendable, Hashable, Codable {
    /// Seconds from the first point.
    public var time: Double
    /// Position in metres; X to the right of the person, Y up, −Z forward.
    public var x: Double
    public var y: Double
    public var z: Double

    public init(time: Double, x: Double, y: Double, z: Double) {
      self.time = time
      self.x = x
      self.y = y
      self.z = z
    }

    package var vector: Vector3 { Vector3(x, y, z) }
  }

  public var points: [Point]

  public init(points: [Point]) { self.points = points }

  public var duration: Double { (points.last?.time ?? 0) - (points.first?.time ?? 0) }

  /// Length of the path in metres.
  public var length: Double {
    zip(points, points.dropFirst()).reduce(0) { $0 + ($1.1.vector - $1.0.vector).length }
  }
}

/// A movement prepared for comparison: a fixed number of positions, centred and scaled to one size, with directions.
///
/// Samples at equal distances along the path are independent of speed. The directions distinguish movements through the
/// same positions.
struct GestureShape: Sendable, Hashable {
  static let count = 64
  /// Weight of positions relative to directions (optimised on 73 classes of air-written words).
  private static let positionWeight: Float = 0.7

  /// Position and direction of each sample.
  let positions: [SIMD4<Float>]
  let directions: [SIMD4<Float>]

  /// - Returns: nil for a trace without motion.
  init?(_ trace: GestureTrace) {
    var path: [Vector3] = []
    for point in trace.points where point.vector.isFinite && point.vector != path.last {
      path.append(point.vector)
    }
    path = Self.smoothed(path)
    let steps = zip(path, path.dropFirst()).map { ($1 - $0).length }
    let length = steps.reduce(0, +)
    guard path.count >= 3, length > 1e-6, length.isFinite else { return nil }
    var samples: [Vector3] = []
    var (index, passed) = (0, 0.0)
    for number in 0..<Self.count {
      let target = length * Double(number) / Double(Self.count - 1)
      while index < steps.count - 1, passed + steps[index] < target {
        passed += steps[index]
        index += 1
      }
      let share = min(max((target - passed) / max(steps[index], 1e-12), 0), 1)
      samples.append(path[index] + (path[index + 1] - path[index]) * share)
    }
    let center = samples.reduce(Vector3.zero, +) / Double(samples.count)
    let low = samples.reduce(samples[0]) { $0.componentMinimum($1) }
    let high = samples.reduce(samples[0]) { $0.componentMaximum($1) }
    // The vertical extent, or a part of the largest one for flat movements.
    let extent = high - low
    let size = max(extent.y, 0.4 * extent.max())
    guard size > 1e-6 else { return nil }
    positions = samples.map { SIMD4(SIMD3<Float>(($0 - center) / size), 0) * Self.positionWeight }
    directions = samples.indices.map { index in
      let step = samples[min(index + 1, samples.count - 1)] - samples[max(index - 1, 0)]
      return SIMD4(SIMD3<Float>(step.normalized ?? .zero), 0)
    }
  }

  /// The mean of each position and its neighbours, which removes jitter from the directions.
  private static func smoothed(_ path: [Vector3]) -> [Vector3] {
    path.indices.map { index in
      // A symmetric window keeps the ends in position.
      let reach = min(1, index, path.count - 1 - index)
      return path[(index - reach)...(index + reach)].reduce(.zero, +) / Double(2 * reach + 1)
    }
  }

  /// Dynamic time warping (Sakoe and Chiba, 1978) in a band: the distance between two movements per sample.
  ///
  /// - Parameter limit: above it the result may be infinity.
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
        let position = positions[i - 1] - other.positions[j - 1]
        let direction = directions[i - 1] - other.directions[j - 1]
        let cost = (position * position + direction * direction).sum().squareRoot()
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
