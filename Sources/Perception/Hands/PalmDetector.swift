import Foundation
import Imaging
import Inference

/// Detects palms in an image with MediaPipe's palm detector.
///
/// Constants: MediaPipe's palm_detection_cpu and hand_landmark graphs (Apache-2.0); Zhang et al., "MediaPipe Hands:
/// On-device Real-time Hand Tracking", 2020.
struct PalmDetector {
  struct Palm: Sendable {
    var score: Float
    var box: PixelBox
    /// Wrist and knuckle of the middle finger, in pixels.
    var wrist: SIMD2<Double>
    var knuckle: SIMD2<Double>

    /// The square along the hand that is the input of the landmark model.
    var handRegion: PictureRegion {
      let direction = knuckle - wrist
      let rotation = HandGeometry.normalized(.pi / 2 - atan2(-direction.y, direction.x))
      let side = max(box.width, box.height) * 2.6
      // Shifted by half the palm's height towards the fingers.
      return PictureRegion(
        centerX: box.centerX + 0.5 * box.height * sin(rotation),
        centerY: box.centerY - 0.5 * box.height * cos(rotation), width: side, height: side,
        rotation: rotation)
    }
  }

  static let side = 192
  private static let anchorCount = 2016
  private static let values = 18
  static let minimumScore: Float = 0.5
  private static let maximumOverlap = 0.3

  /// Centres of the anchors relative to the image size: two for each cell of a 24×24 grid, six for each of a 12×12 grid.
  private static let anchors: [SIMD2<Float>] = {
    var list: [SIMD2<Float>] = []
    for (cells, count) in [(24, 2), (12, 6)] {
      for cell in 0..<(cells * cells) {
        let x = (Float(cell % cells) + 0.5) / Float(cells)
        let y = (Float(cell / cells) + 0.5) / Float(cells)
        for _ in 0..<count { list.append(SIMD2(x, y)) }
      }
    }
    return list
  }()

  static func input(_ image: some SampledImage) -> Tensor {
    let side = Double(max(image.width, image.height))
    let region = PictureRegion(
      centerX: Double(image.width) / 2, centerY: Double(image.height) / 2, width: side, height: side)
    return Tensor(float32: [1, Self.side, Self.side, 3]) {
      image.sample(
        region, width: Self.side, height: Self.side, border: .black, scaling: PixelScaling(), into: $0)
    }
  }

  /// - Parameter outputs: boxes [1, 2016, 18] and scores [1, 2016, 1].
  static func palms(_ outputs: [Tensor], width: Int, height: Int) throws(InferenceError) -> [Palm] {
    guard outputs.count == 2, outputs[0].count == anchorCount * values, outputs[1].count == anchorCount else {
      throw InferenceError(.model, "the model is not a palm detector: its outputs have other shapes")
    }
    var candidates: [(score: Float, values: [Float])] = []
    outputs[1].withFloats { scores in
      outputs[0].withFloats { boxes in
        for index in 0..<anchorCount where scores[index] > 0 {
          let score = 1 / (1 + exp(-min(scores[index], 100)))
          guard score >= minimumScore else { continue }
          let raw = boxes[(index * values)..<(index * values + values)].map { $0 / Float(side) }
          guard raw.allSatisfy(\.isFinite) else { continue }
          let anchor = anchors[index]
          let center = SIMD2(raw[0], raw[1]) + anchor
          var decoded = [
            center.x - raw[2] / 2, center.y - raw[3] / 2, center.x + raw[2] / 2, center.y + raw[3] / 2,
          ]
          for point in stride(from: 4, to: values, by: 2) {
            decoded.append(raw[point] + anchor.x)
            decoded.append(raw[point + 1] + anchor.y)
          }
          candidates.append((score, decoded))
        }
      }
    }
    candidates.sort { $0.score > $1.score }
    // The weighted mean of overlapping candidates jitters less than the best one.
    var palms: [Palm] = []
    let scale = Double(max(width, height))
    let shift = SIMD2((scale - Double(width)) / 2, (scale - Double(height)) / 2)
    while let best = candidates.first {
      let group = candidates.filter { Self.overlap($0.values, best.values) > maximumOverlap }
      candidates.removeAll { Self.overlap($0.values, best.values) > maximumOverlap }
      // A box without an area does not even overlap itself.
      guard !group.isEmpty else {
        candidates.removeFirst()
        continue
      }
      let weight = group.reduce(Float(0)) { $0 + $1.score }
      var mean = [Float](repeating: 0, count: values)
      for candidate in group {
        for index in 0..<values { mean[index] += candidate.score * candidate.values[index] / weight }
      }
      func point(_ index: Int) -> SIMD2<Double> {
        SIMD2(Double(mean[index]), Double(mean[index + 1])) * scale - shift
      }
      let (low, high) = (point(0), point(2))
      palms.append(
        Palm(
          score: best.score, box: PixelBox(left: low.x, top: low.y, right: high.x, bottom: high.y),
          wrist: point(4), knuckle: point(8)))
    }
    return palms
  }

  private static func overlap(_ a: [Float], _ b: [Float]) -> Double {
    let width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    let height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    let shared = Double(width * height)
    let all = Double((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) - shared
    return all > 0 ? shared / all : 0
  }
}

enum HandGeometry {
  /// Wraps an angle to −π…π.
  static func normalized(_ angle: Double) -> Double {
    angle - 2 * .pi * ((angle + .pi) / (2 * .pi)).rounded(.down)
  }
}
