import Inference
import Spatial

/// Classifies static gestures with MediaPipe's embedder and classifier, and measures the strength of a pinch.
package struct HandGestures {
  static let embedderModel = "gesture-embedder"
  static let classifierModel = "gesture-classifier"
  /// The classifier's label for no gesture.
  package static let none = "None"

  let host: ModelHost
  let priority: InferencePriority

  package init(host: ModelHost, priority: InferencePriority = .interactive) {
    self.host = host
    self.priority = priority
  }

  package struct Score: Sendable, Hashable {
    package var label: String
    package var value: Double
  }

  /// - Returns: the scores of all gestures, the best first, and the classifier.
  package func classify(
    _ hand: HandLandmarks
  ) async throws(InferenceError) -> (scores: [Score], model: ModelHost.Loaded) {
    let embedder = try await host.model(Self.embedderModel)
    let classifier = try await host.model(Self.classifierModel)
    let inputs = try Self.inputs(hand, embedder.session.inputs)
    let embedding = try await host.infer(embedder, inputs, priority: priority)
    guard let vector = embedding.first, let spec = classifier.session.inputs.first,
      let tensor = Tensor(type: spec.type, shape: [1, vector.count], numbers: vector.numbers)
    else { throw InferenceError(.model, "'\(Self.embedderModel)' gives no embedding") }
    let outputs = try await host.infer(classifier, [tensor], priority: priority)
    let labels = classifier.manifest.labels
    guard let scores = outputs.first?.numbers, scores.count == labels.count else {
      throw InferenceError(.model, "'\(Self.classifierModel)' has \(labels.count) labels and other outputs")
    }
    let list = zip(labels, scores).map { Score(label: $0, value: $1.isFinite ? $1 : 0) }
    return (list.sorted { $0.value > $1.value }, classifier)
  }

  /// The embedder's inputs by name: landmarks relative to the wrist in units of the hand's extent, in the image and in
  /// space, and the handedness.
  static func inputs(_ hand: HandLandmarks, _ specs: [TensorSpec]) throws(InferenceError) -> [Tensor] {
    func normalized(_ points: [Vector3]) -> [Float] {
      let moved = points.map { $0 - points[0] }
      let width = (moved.map(\.x).max() ?? 0) - (moved.map(\.x).min() ?? 0)
      let height = (moved.map(\.y).max() ?? 0) - (moved.map(\.y).min() ?? 0)
      let scale = 1 / (max(width, height) + 1e-5)
      return moved.flatMap { [Float($0.x * scale), Float($0.y * scale), Float($0.z * scale)] }
    }
    // MediaPipe's axes: Y down, Z forward.
    let metric = hand.metric.map { Vector3($0.x, -$0.y, -$0.z) }
    var tensors: [Tensor] = []
    for spec in specs {
      switch spec.name {
      case "hand": tensors.append(Tensor(float32: [1, 21, 3], normalized(hand.points)))
      case "world_hand": tensors.append(Tensor(float32: [1, 21, 3], normalized(metric)))
      case "handedness": tensors.append(Tensor(float32: [1, 1], [Float(hand.right)]))
      default: throw InferenceError(.model, "'\(embedderModel)' has an unknown input '\(spec.name)'")
      }
    }
    return tensors
  }

  /// The strength of a pinch: 0 with thumb and index finger half a palm apart, 1 when they touch.
  static func pinch(_ metric: [Vector3]) -> Double {
    let palm = (metric[9] - metric[0]).length
    guard palm > 0 else { return 0 }
    let gap = (metric[4] - metric[8]).length / palm
    // Landmarks are inside the fingertips, about an eighth of a palm thick.
    return min(max((0.6 - gap) / (0.6 - 0.15), 0), 1)
  }
}

/// Hysteresis of static gestures: a gesture begins after several frames as the best one with a sufficient score, and ends
/// after several frames with a low score.
struct GestureHysteresis {
  var enterScore = 0.5
  var leaveScore = 0.35
  /// Consecutive frames.
  var enterCount = 3
  var leaveCount = 3

  private(set) var held: String?
  private var candidate = ""
  private var seen = 0
  private var missed = 0

  init() {}

  /// - Returns: the gesture that began with this frame and the one that ended.
  mutating func update(_ scores: [HandGestures.Score]) -> (began: String?, ended: String?) {
    let best = scores.first
    var ended: String?
    if let held {
      let score = scores.first { $0.label == held }?.value ?? 0
      missed = score < leaveScore ? missed + 1 : 0
      guard missed >= leaveCount else { return (nil, nil) }
      ended = held
      self.held = nil
      missed = 0
    }
    if let best, best.label != HandGestures.none, best.value >= enterScore {
      seen = best.label == candidate ? seen + 1 : 1
      candidate = best.label
      if seen >= enterCount {
        held = best.label
        seen = 0
        return (best.label, ended)
      }
    } else {
      seen = 0
      candidate = ""
    }
    return (nil, ended)
  }
}
