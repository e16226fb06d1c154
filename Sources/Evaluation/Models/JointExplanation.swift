import Foundation
import Imaging
import Inference
import Perception
import Spatial

/// Finds the joints of a hand that determine its gesture: each is moved a little, in the picture and in space; the larger
/// the fall of the gesture's score, the more the joint matters.
public struct JointExplanation: Sendable {
  public struct Joint: Sendable, Hashable {
    public var name: String
    /// The mean fall of the gesture's score, 0 to 1.
    public var importance: Double
  }

  /// The explained gesture, with its score.
  public let label: String
  public let score: Double
  /// In MediaPipe's order.
  public let joints: [Joint]
  public let map: SaliencyMap

  /// Number of moves per joint, and their standard deviation as a share of the palm's length.
  private static let trials = 24
  private static let reach = 0.35

  /// - Parameter label: the gesture to explain; nil for the most likely one.
  /// - Returns: nil when there is no hand in the picture.
  public static func explain(
    _ image: RGBImage, host: ModelHost, label: String?, seed: UInt64 = 1
  ) async throws(InferenceError) -> JointExplanation? {
    guard let hand = try await HandTracker(host: host).track(image).hands.first?.landmarks else { return nil }
    let gestures = HandGestures(host: host)
    let scores = try await gestures.classify(hand).scores
    let wanted = label ?? scores.first?.label ?? HandGestures.none
    guard let whole = scores.first(where: { $0.label == wanted })?.value else {
      throw InferenceError(
        .input,
        "there is no gesture '\(wanted)'; there are \(scores.map(\.label).sorted().joined(separator: ", "))")
    }
    var random = SeededRandom(seed: seed)
    let (palm, metricPalm) = (
      (hand.points[9] - hand.points[0]).length, (hand.metric[9] - hand.metric[0]).length
    )
    var joints: [Joint] = []
    for place in hand.points.indices {
      var fall = 0.0
      for _ in 0..<trials {
        let shift = random.gaussian3() * reach
        var moved = hand
        moved.points[place] += Vector3(shift.x, -shift.y, -shift.z) * palm
        moved.metric[place] += shift * metricPalm
        let value = try await gestures.classify(moved).scores.first { $0.label == wanted }?.value ?? 0
        fall += max(0, whole - value)
      }
      joints.append(Joint(name: HandLandmarks.names[place], importance: fall / Double(trials)))
    }
    return JointExplanation(
      label: wanted, score: whole, joints: joints, map: spots(image, hand, joints, wanted, palm))
  }

  /// Returns a map with a spot on each joint, as bright as the joint is important.
  private static func spots(
    _ image: RGBImage, _ hand: HandLandmarks, _ joints: [Joint], _ label: String, _ palm: Double
  ) -> SaliencyMap {
    let largest = joints.map(\.importance).max() ?? 0
    let width = 0.16 * max(palm, 1)
    var values = [Double](repeating: 0, count: image.width * image.height)
    for (joint, point) in zip(joints, hand.points) where largest > 0 {
      let reach = 2.5 * width
      for y in pixels(point.y - reach, point.y + reach, image.height) {
        for x in pixels(point.x - reach, point.x + reach, image.width) {
          let (dx, dy) = ((Double(x) - point.x) / width, (Double(y) - point.y) / width)
          let value = joint.importance / largest * exp(-(dx * dx + dy * dy) / 2)
          values[y * image.width + x] = max(values[y * image.width + x], value)
        }
      }
    }
    return SaliencyMap(width: image.width, height: image.height, values: values, label: label)
  }

  /// Returns a range of rows or columns within the picture; a landmark may lie outside.
  private static func pixels(_ from: Double, _ to: Double, _ count: Int) -> Range<Int> {
    let limit = Double(count)
    return Int(min(max(from, 0), limit))..<Int(min(max(to, from, 0), limit))
  }
}
