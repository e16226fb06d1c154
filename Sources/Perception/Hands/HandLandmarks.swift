import Foundation
import Imaging
import Inference
import Spatial

/// The 21 landmarks of a hand in MediaPipe's order: wrist, then four for each finger, the thumb first.
public struct HandLandmarks: Sendable {
  /// Positions in pixels; z is the depth relative to the wrist in the same scale.
  public var points: [Vector3]
  /// Positions relative to the hand's centre in the camera's frame (X right, Y up, −Z forward), in metres, for a hand of
  /// average size.
  public var metric: [Vector3]
  /// Probability that the region shows a hand, 0 to 1.
  public var presence: Double
  /// Probability of a right hand, 0 to 1, for an image that is not mirrored.
  public var right: Double

  public var isRight: Bool { right >= 0.5 }

  public static let count = 21
  /// Readable names of the landmarks.
  public static let names =
    ["wrist"]
    + ["thumb", "index finger", "middle finger", "ring finger", "little finger"].flatMap { finger in
      (finger == "thumb"
        ? ["base", "knuckle", "joint", "tip"] : ["knuckle", "lower joint", "upper joint", "tip"])
        .map { "\(finger)'s \($0)" }
    }
  static let side = 224
  static let minimumPresence = 0.5
  /// MediaPipe's graph tensors_to_landmarks: the model's depths are divided by this.
  private static let depthScale = 0.4

  static func input(_ image: some SampledImage, _ region: PictureRegion) -> Tensor {
    Tensor(float32: [1, side, side, 3]) {
      image.sample(region, width: side, height: side, border: .replicate, scaling: PixelScaling(), into: $0)
    }
  }

  /// - Parameter outputs: landmarks [1, 63], presence [1, 1], handedness [1, 1], metric landmarks [1, 63].
  /// - Returns: nil when the region shows no hand.
  static func decode(_ outputs: [Tensor], _ region: PictureRegion) throws(InferenceError) -> HandLandmarks? {
    guard outputs.count == 4, outputs[0].count == 63, outputs[3].count == 63, outputs[1].count == 1,
      outputs[2].count == 1
    else {
      throw InferenceError(.model, "the model is not a hand landmark model: its outputs have other shapes")
    }
    let (near, presence, right, metric) = (
      outputs[0].numbers, outputs[1].numbers[0], outputs[2].numbers[0], outputs[3].numbers
    )
    guard (near + metric + [presence, right]).allSatisfy(\.isFinite), presence >= minimumPresence else {
      return nil
    }
    let (c, s) = (cos(region.rotation), sin(region.rotation))
    var hand = HandLandmarks(points: [], metric: [], presence: presence, right: right)
    for index in 0..<count {
      let (u, v) = (near[index * 3] / Double(side), near[index * 3 + 1] / Double(side))
      let (x, y) = region.point(u, v)
      hand.points.append(Vector3(x, y, near[index * 3 + 2] / Double(side) / depthScale * region.width))
      // The model's input was rotated by the region's angle; this rotates back.
      let (mx, my, mz) = (metric[index * 3], metric[index * 3 + 1], metric[index * 3 + 2])
      hand.metric.append(Vector3(c * mx - s * my, -(s * mx + c * my), -mz))
    }
    return hand
  }

  /// Landmarks of the palm and the proximal phalanges, which finger motion moves least.
  private static let steady = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]

  /// The region of the hand in the next frame.
  ///
  /// MediaPipe's hand_landmark_landmarks_to_roi: the rectangle of the palm along wrist and knuckles, twice as large.
  var nextRegion: PictureRegion {
    let wrist = points[0]
    let middle = ((points[5] + points[13]) / 2 + points[9]) / 2
    let rotation = HandGeometry.normalized(.pi / 2 - atan2(-(middle.y - wrist.y), middle.x - wrist.x))
    let chosen = Self.steady.map { SIMD2(points[$0].x, points[$0].y) }
    let (lowest, highest) = Self.extent(chosen)
    let center = (lowest + highest) / 2
    let (c, s) = (cos(rotation), sin(rotation))
    let turned = chosen.map { point -> SIMD2<Double> in
      let d = point - center
      return SIMD2(c * d.x + s * d.y, c * d.y - s * d.x)
    }
    let (low, high) = Self.extent(turned)
    let (size, offset) = (high - low, (high + low) / 2)
    let y = offset.y - 0.1 * size.y
    let side = max(size.x, size.y) * 2
    return PictureRegion(
      centerX: center.x + c * offset.x - s * y, centerY: center.y + s * offset.x + c * y, width: side,
      height: side, rotation: rotation)
  }

  private static func extent(_ points: [SIMD2<Double>]) -> (low: SIMD2<Double>, high: SIMD2<Double>) {
    var (low, high) = (points[0], points[0])
    for point in points {
      low = pointwiseMin(low, point)
      high = pointwiseMax(high, point)
    }
    return (low, high)
  }

  /// The smallest box around the landmarks.
  var bounds: PixelBox {
    let (low, high) = Self.extent(points.map { SIMD2($0.x, $0.y) })
    return PixelBox(left: low.x, top: low.y, right: high.x, bottom: high.y)
  }
}
