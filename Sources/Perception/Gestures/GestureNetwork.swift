import Foundation
import Inference

/// Movements told apart by a network that was trained on examples: any model of the task `gesture-sequence`.
///
/// It takes 1×6×64 numbers, place (three rows, centred, in the movement's own size) and direction (three rows) at 64
/// samples of equal way, and gives a share of the likelihood for each of its labels.
public enum GestureNetwork {
  /// The model's name in the registry.
  public static let model = "movements"
  /// The label of what is no gesture.
  public static let noGesture = "none"
  /// Rows and samples of its input.
  public static let inputShape = [1, 6, GestureShape.count]
  /// A movement is a gesture from this share on.
  public static let minimumShare = 0.8

  public struct Score: Sendable, Hashable {
    public var label: String
    /// 0 to 1; all together 1.
    public var share: Double
  }

  /// What a network sees of a movement, in the order of its input; nil for what does not move.
  public static func features(_ trace: GestureTrace) -> [Float]? {
    guard let shape = GestureShape(trace) else { return nil }
    return [shape.places, shape.directions].flatMap { samples in
      (0..<3).flatMap { axis in samples.map { $0[axis] } }
    }
  }

  /// A network's input; nil for what does not move.
  public static func input(_ trace: GestureTrace) -> Tensor? {
    guard let features = features(trace) else { return nil }
    return Tensor(float32: inputShape) { numbers in
      for (place, value) in features.enumerated() { numbers[place] = value }
    }
  }

  /// - Returns: all labels, the likeliest first.
  public static func scores(_ outputs: [Tensor], labels: [String]) throws(InferenceError) -> [Score] {
    guard let shares = outputs.first?.numbers, shares.count == labels.count else {
      throw InferenceError(
        .model, "the network does not give a number for each of its \(labels.count) labels")
    }
    return zip(labels, shares).map { Score(label: $0, share: $1) }.sorted { $0.share > $1.share }
  }

  /// - Returns: nil for what is no gesture.
  public static func accepted(_ scores: [Score]) -> Score? {
    scores.first.flatMap { $0.label != noGesture && $0.share >= minimumShare ? $0 : nil }
  }

  /// - Returns: all labels, the likeliest first; none for what does not move.
  public static func scores(
    _ trace: GestureTrace, _ model: ModelHost.Loaded, host: ModelHost
  ) async throws(InferenceError) -> [Score] {
    guard let input = input(trace) else { return [] }
    return try scores(try await host.infer(model, [input], priority: .hands), labels: model.manifest.labels)
  }
}
