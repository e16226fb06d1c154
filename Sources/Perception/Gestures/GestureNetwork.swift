import Foundation
import Inference

/// Classification of movements by a trained network: any model of the task `gesture-sequence`.
///
/// The input has 1×6×64 numbers: position (three rows, centred and scaled to the movement's size) and direction (three
/// rows) at 64 samples of equal distance. The output is a probability for each label.
public enum GestureNetwork {
  /// The model's name in the registry.
  public static let model = "movements"
  /// The label for movements that are not gestures.
  public static let noGesture = "none"
  /// The shape of the input.
  public static let inputShape = [1, 6, GestureShape.count]
  /// Lowest probability of an accepted gesture.
  public static let minimumShare = 0.8

  public struct Score: Sendable, Hashable {
    public var label: String
    /// Probability; the sum over all labels is 1.
    public var share: Double
  }

  /// The network's input for a movement, in row-major order; nil for a trace without motion.
  public static func features(_ trace: GestureTrace) -> [Float]? {
    guard let shape = GestureShape(trace) else { return nil }
    return [shape.positions, shape.directions].flatMap { samples in
      (0..<3).flatMap { axis in samples.map { $0[axis] } }
    }
  }

  /// The network's input as a tensor; nil for a trace without motion.
  public static func input(_ trace: GestureTrace) -> Tensor? {
    guard let features = features(trace) else { return nil }
    return Tensor(float32: inputShape) { numbers in
      for (index, value) in features.enumerated() { numbers[index] = value }
    }
  }

  /// - Returns: all labels, the most probable first.
  public static func scores(_ outputs: [Tensor], labels: [String]) throws(InferenceError) -> [Score] {
    guard let shares = outputs.first?.numbers, shares.count == labels.count else {
      throw InferenceError(
        .model, "the network has \(labels.count) labels and another number of outputs")
    }
    return zip(labels, shares).map { Score(label: $0, share: $1) }.sorted { $0.share > $1.share }
  }

  /// - Returns: nil when the movement is not a gesture.
  public static func accepted(_ scores: [Score]) -> Score? {
    scores.first.flatMap { $0.label != noGesture && $0.share >= minimumShare ? $0 : nil }
  }

  /// - Returns: all labels, the most probable first; none for a trace without motion.
  public static func scores(
    _ trace: GestureTrace, _ model: ModelHost.Loaded, host: ModelHost,
    priority: InferencePriority = .interactive
  ) async throws(InferenceError) -> [Score] {
    guard let input = input(trace) else { return [] }
    return try scores(try await host.infer(model, [input], priority: priority), labels: model.manifest.labels)
  }
}
