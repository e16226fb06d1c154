import Foundation

/// Classification of movements by the nearest example, with a distance threshold for each gesture.
public struct GestureModel: Sendable {
  public struct Template: Sendable {
    public var name: String
    public var trace: GestureTrace
    let shape: GestureShape
  }

  public struct Match: Sendable, Hashable {
    public var name: String
    /// Distance to the nearest template.
    public var distance: Double
    /// Distance to the nearest template of another gesture; infinite without one.
    public var second: Double
    /// 1 for a template itself, 0.5 at the threshold.
    public var confidence: Double
  }

  public private(set) var templates: [Template] = []
  /// Largest accepted distance, by gesture.
  public private(set) var thresholds: [String: Double] = [:]

  /// Threshold of gestures with a single example, and the range of thresholds.
  ///
  /// For air-written words of 18 persons, distances within a class are mostly below 0.45 and distances to other classes
  /// above (`vrbridge gestures eval --data FOLDER`).
  private static let defaultThreshold = 0.46
  private static let thresholdRange = 0.38...0.48

  /// Factor of the threshold for movements that a network classified.
  private static let slack = 1.1

  public init(_ examples: [(name: String, trace: GestureTrace)]) {
    for example in examples {
      guard let shape = GestureShape(example.trace) else { continue }
      templates.append(Template(name: example.name, trace: example.trace, shape: shape))
    }
    for (name, group) in Dictionary(grouping: templates, by: \.name) {
      // The distance between a person's repetitions, with a margin for other persons.
      let nearest = group.indices.compactMap { index -> Double? in
        group.indices.filter { $0 != index }.map { Double(group[index].shape.distance(to: group[$0].shape)) }
          .min()
      }
      let own = nearest.isEmpty ? Self.defaultThreshold : (nearest.max() ?? 0) * 1.6
      thresholds[name] = min(max(own, Self.thresholdRange.lowerBound), Self.thresholdRange.upperBound)
    }
  }

  public var names: [String] { Array(Set(templates.map(\.name))).sorted() }

  /// The nearest gesture without rejection.
  func nearest(_ shape: GestureShape) -> Match? {
    var best: [String: Float] = [:]
    for template in templates {
      let known = best[template.name] ?? .infinity
      let distance = shape.distance(to: template.shape, limit: known)
      if distance < known { best[template.name] = distance }
    }
    let sorted = best.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    guard let first = sorted.first else { return nil }
    let threshold = thresholds[first.key] ?? Self.defaultThreshold
    return Match(
      name: first.key, distance: Double(first.value),
      second: sorted.count > 1 ? Double(sorted[1].value) : .infinity,
      confidence: 1 / (1 + Double(first.value) / threshold))
  }

  /// - Returns: nil when the movement is not a gesture.
  public func recognise(_ trace: GestureTrace) -> Match? {
    guard let shape = GestureShape(trace), let match = nearest(shape) else { return nil }
    guard match.distance <= thresholds[match.name] ?? Self.defaultThreshold else { return nil }
    // A movement of similar distance to two gestures is ambiguous.
    guard match.second.isInfinite || match.distance < 0.95 * match.second else { return nil }
    return match
  }

  /// The distance of a movement to the nearest example of a gesture; nil without an example or without motion.
  public func distance(_ trace: GestureTrace, to name: String) -> Double? {
    guard let shape = GestureShape(trace) else { return nil }
    return templates.filter { $0.name == name }.map { Double(shape.distance(to: $0.shape)) }.min()
  }

  /// Whether a network's classification is plausible. A network may assign any label to unfamiliar movements, so an example
  /// of the gesture must be near. Gestures without examples are accepted.
  public func admits(_ trace: GestureTrace, as name: String) -> Bool {
    guard let distance = distance(trace, to: name) else { return true }
    return distance <= Self.slack * (thresholds[name] ?? Self.defaultThreshold)
  }

  /// The nearest gesture without rejection, for evaluations.
  public func classify(_ trace: GestureTrace) -> Match? { GestureShape(trace).flatMap(nearest) }
}

/// Built-in gestures with synthetic examples.
public enum BuiltInGestures {
  private static func trace(_ count: Int, _ position: (Double) -> (Double, Double)) -> GestureTrace {
    GestureTrace(
      points: (0..<count).map { index in
        let share = Double(index) / Double(count - 1)
        let (x, y) = position(share)
        return GestureTrace.Point(time: share, x: x, y: y, z: 0)
      })
  }

  public static let all: [(name: String, trace: GestureTrace)] = {
    var list: [(String, GestureTrace)] = []
    for (name, dx, dy) in [
      ("swipe right", 1.0, 0.0), ("swipe left", -1, 0), ("swipe up", 0, 1), ("swipe down", 0, -1),
    ] {
      // A swipe curves slightly to either side.
      for bend in [-0.12, 0, 0.12] {
        list.append(
          (name, trace(32) { s in (dx * s - dy * bend * sin(.pi * s), dy * s + dx * bend * sin(.pi * s)) }))
      }
    }
    for start in 0..<8 {
      let phase = Double(start) * .pi / 4
      list.append(
        ("circle clockwise", trace(48) { s in (cos(phase - 2 * .pi * s), sin(phase - 2 * .pi * s)) }))
      list.append(
        ("circle counter-clockwise", trace(48) { s in (cos(phase + 2 * .pi * s), sin(phase + 2 * .pi * s)) }))
    }
    for swings in [2.0, 2.5, 3] {
      for side in [-1.0, 1] {
        list.append(
          ("wave", trace(64) { s in (side * sin(2 * .pi * swings * s), 0.15 * cos(4 * .pi * swings * s)) }))
      }
    }
    return list
  }()
}
