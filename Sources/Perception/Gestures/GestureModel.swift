import Foundation

/// Gestures by example: the nearest template says which, and how near it is says whether it is one at all.
public struct GestureModel: Sendable {
  public struct Template: Sendable {
    public var name: String
    public var trace: GestureTrace
    let shape: GestureShape
  }

  public struct Match: Sendable, Hashable {
    public var name: String
    /// To the nearest template.
    public var distance: Double
    /// To the nearest template of another gesture; infinite when there is none.
    public var second: Double
    /// 0 to 1: 1 for a template itself, 0.5 at the threshold.
    public var confidence: Double
  }

  public private(set) var templates: [Template] = []
  /// For each gesture the distance beyond which a movement is none.
  public private(set) var thresholds: [String: Double] = [:]

  /// For gestures with a single example, and the least and the most that examples may make of it.
  ///
  /// On air-written words of 18 persons most of a class lie nearer than 0.45, and most others farther
  /// (`vrbridge gestures eval --data FOLDER`).
  private static let usualThreshold = 0.46
  private static let thresholdRange = 0.38...0.48

  /// Of the threshold, for what a network is sure of.
  private static let slack = 1.1

  public init(_ examples: [(name: String, trace: GestureTrace)]) {
    for example in examples {
      guard let shape = GestureShape(example.trace) else { continue }
      templates.append(Template(name: example.name, trace: example.trace, shape: shape))
    }
    for (name, group) in Dictionary(grouping: templates, by: \.name) {
      // How far a person's own repetitions are apart, with room for others.
      let nearest = group.indices.compactMap { index -> Double? in
        group.indices.filter { $0 != index }.map { Double(group[index].shape.distance(to: group[$0].shape)) }
          .min()
      }
      let own = nearest.isEmpty ? Self.usualThreshold : (nearest.max() ?? 0) * 1.6
      thresholds[name] = min(max(own, Self.thresholdRange.lowerBound), Self.thresholdRange.upperBound)
    }
  }

  public var names: [String] { Array(Set(templates.map(\.name))).sorted() }

  /// The nearest gesture, whether near enough or not.
  func nearest(_ shape: GestureShape) -> Match? {
    var best: [String: Float] = [:]
    for template in templates {
      let known = best[template.name] ?? .infinity
      let distance = shape.distance(to: template.shape, limit: known)
      if distance < known { best[template.name] = distance }
    }
    let sorted = best.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
    guard let first = sorted.first else { return nil }
    let threshold = thresholds[first.key] ?? Self.usualThreshold
    return Match(
      name: first.key, distance: Double(first.value),
      second: sorted.count > 1 ? Double(sorted[1].value) : .infinity,
      confidence: 1 / (1 + Double(first.value) / threshold))
  }

  /// - Returns: nil for what is no gesture.
  public func recognise(_ trace: GestureTrace) -> Match? {
    guard let shape = GestureShape(trace), let match = nearest(shape) else { return nil }
    guard match.distance <= thresholds[match.name] ?? Self.usualThreshold else { return nil }
    // Between two gestures is neither.
    guard match.second.isInfinite || match.distance < 0.95 * match.second else { return nil }
    return match
  }

  /// How far a movement is from the nearest example of a gesture; nil when there is none, or it does not move.
  public func distance(_ trace: GestureTrace, to name: String) -> Double? {
    guard let shape = GestureShape(trace) else { return nil }
    return templates.filter { $0.name == name }.map { Double(shape.distance(to: $0.shape)) }.min()
  }

  /// Whether another learner's word for a movement is to be believed: what a network never saw it may call anything, so an
  /// example of the gesture must be near, if only about. Gestures without examples are.
  public func admits(_ trace: GestureTrace, as name: String) -> Bool {
    guard let distance = distance(trace, to: name) else { return true }
    return distance <= Self.slack * (thresholds[name] ?? Self.usualThreshold)
  }

  /// The nearest name, for evaluations without rejection.
  public func classify(_ trace: GestureTrace) -> Match? { GestureShape(trace).flatMap(nearest) }
}

/// Gestures that are known from the start: drawn, not recorded.
public enum BuiltInGestures {
  private static func trace(_ count: Int, _ place: (Double) -> (Double, Double)) -> GestureTrace {
    GestureTrace(
      points: (0..<count).map { index in
        let share = Double(index) / Double(count - 1)
        let (x, y) = place(share)
        return GestureTrace.Point(time: share, x: x, y: y, z: 0)
      })
  }

  public static let all: [(name: String, trace: GestureTrace)] = {
    var list: [(String, GestureTrace)] = []
    for (name, dx, dy) in [
      ("swipe right", 1.0, 0.0), ("swipe left", -1, 0), ("swipe up", 0, 1), ("swipe down", 0, -1),
    ] {
      // An arm swings: nearly straight, a little bent to either side.
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
