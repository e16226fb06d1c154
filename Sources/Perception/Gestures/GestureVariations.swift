import Foundation
import Spatial

/// Augmentation for training with few examples: variations of the examples, and movements that are not gestures.
public struct GestureVariations: Sendable {
  private var random: SeededRandom

  public init(seed: UInt64) { random = SeededRandom(seed: seed) }

  private mutating func number(_ range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * random.uniform()
  }

  /// A variation by small amounts: rotated, scaled, bent and shortened at both ends.
  public mutating func vary(_ trace: GestureTrace) -> GestureTrace {
    let count = trace.points.count
    guard count >= 3 else { return trace }
    let (roll, yaw) = (number(-0.2...0.2), number(-0.3...0.3))
    let turn =
      Quaternion(rotationVector: Vector3(0, yaw, 0)) * Quaternion(rotationVector: Vector3(0, 0, roll))
    let stretch = Vector3(number(0.8...1.25), number(0.8...1.25), number(0.8...1.25))
    let from = Int(number(0...0.06) * Double(count))
    let to = max(from + 3, count - Int(number(0...0.06) * Double(count)))
    // A slow lateral deviation of up to a tenth of the movement's size.
    let reach = 0.06 * extent(trace)
    let waves = (0..<3).map { _ in (random.gaussian3() * reach, number(0.5...2), number(0...(2 * .pi))) }
    return GestureTrace(
      points: (from..<min(to, count)).map { index in
        var point = trace.points[index]
        var position = turn.rotate(
          Vector3(point.x * stretch.x, point.y * stretch.y, point.z * stretch.z))
        let share = Double(index) / Double(count)
        for (side, turns, phase) in waves { position += side * sin(2 * .pi * turns * share + phase) / 3 }
        (point.x, point.y, point.z) = (position.x, position.y, position.z)
        return point
      })
  }

  private func extent(_ trace: GestureTrace) -> Double {
    let positions = trace.points.map(\.vector)
    guard let first = positions.first else { return 0 }
    let low = positions.reduce(first) { $0.componentMinimum($1) }
    let high = positions.reduce(first) { $0.componentMaximum($1) }
    return (high - low).max()
  }

  /// A movement that is not a gesture: wandering, reaching, a part of a gesture, or parts of two gestures. Movements that
  /// the examples accept are excluded.
  public mutating func strange(to model: GestureModel) -> GestureTrace? {
    for _ in 0..<20 {
      let trace: GestureTrace
      switch random.next() % 4 {
      case 0: trace = wandering()
      case 1: trace = reaching()
      case 2:
        guard let template = model.templates.randomElement(using: &random) else { continue }
        trace = piece(of: vary(template.trace), number(0.3...0.6))
      default:
        guard let first = model.templates.randomElement(using: &random),
          let second = model.templates.randomElement(using: &random)
        else { continue }
        trace = joined(
          piece(of: vary(first.trace), number(0.4...0.7)), piece(of: vary(second.trace), number(0.4...0.7)))
      }
      guard let nearest = model.classify(trace),
        nearest.distance > (model.thresholds[nearest.name] ?? 0) * 1.1
      else { continue }
      return trace
    }
    return nil
  }

  /// A sum of slow waves in random directions.
  private mutating func wandering() -> GestureTrace {
    let waves = (0..<Int(number(2...6))).map { _ in
      (random.gaussian3(), number(0.3...2.5), number(0...(2 * .pi)))
    }
    let depth = number(0...1)
    return drawn(64) { share in
      let position = waves.reduce(Vector3.zero) { $0 + $1.0 * sin(2 * .pi * $1.1 * share + $1.2) / $1.1 }
      return Vector3(position.x, position.y, position.z * depth)
    }
  }

  /// Reaching to one to three points, with partial returns: typical everyday motion.
  private mutating func reaching() -> GestureTrace {
    var corners = [Vector3.zero]
    for _ in 0..<(1 + Int(random.next() % 3)) {
      let previous = corners[corners.count - 1]
      corners.append(previous * number(0...1) + random.gaussian3())
    }
    let bend = random.gaussian3() * number(0...0.6)
    let legs = corners.count - 1
    return drawn(24 * legs) { share in
      let along = share * Double(legs)
      let leg = min(Int(along), legs - 1)
      let part = along - Double(leg)
      let eased = part * part * (3 - 2 * part)
      return corners[leg] + (corners[leg + 1] - corners[leg]) * eased + bend * sin(.pi * part)
    }
  }

  private func drawn(_ count: Int, _ position: (Double) -> Vector3) -> GestureTrace {
    GestureTrace(
      points: (0..<count).map { index in
        let share = Double(index) / Double(count - 1)
        let p = position(share)
        return GestureTrace.Point(time: share, x: p.x, y: p.y, z: p.z)
      })
  }

  private mutating func piece(of trace: GestureTrace, _ share: Double) -> GestureTrace {
    let count = trace.points.count
    let length = max(3, Int(Double(count) * share))
    let start = Int(number(0...1) * Double(max(0, count - length)))
    return GestureTrace(points: Array(trace.points[start..<min(count, start + length)]))
  }

  /// The second movement continues at the end of the first, scaled to its size.
  private func joined(_ first: GestureTrace, _ second: GestureTrace) -> GestureTrace {
    guard let end = first.points.last, let start = second.points.first else { return first }
    let size = extent(first) / max(extent(second), 1e-9)
    return GestureTrace(
      points: first.points
        + second.points.dropFirst().map { point in
          let position = end.vector + (point.vector - start.vector) * size
          return GestureTrace.Point(
            time: end.time + point.time - start.time, x: position.x, y: position.y, z: position.z)
        })
  }
}
