import Foundation
import Imaging
import Inference
import Perception
import Spatial

/// Maps the parts of a picture that determine a model's answer, without access to the model's inside: RISE (Petsiuk, Das
/// and Saenko, 2018) and, for detectors, D-RISE (Petsiuk et al., 2021). Random parts are hidden; parts whose visibility
/// goes with a high score matter.
public struct SaliencyMap: Sendable {
  public let width: Int
  public let height: Int
  /// Weights by row, 0 to 1.
  public let values: [Double]
  /// The explained label.
  public let label: String

  /// Cells per side of a mask, and the share of visible ones.
  private static let cells = 8
  private static let shown = 0.5

  /// - Parameters:
  ///   - label: the label to explain; nil for the model's best answer.
  ///   - count: number of masks.
  public static func explain(
    _ image: RGBImage, _ model: ModelHost.Loaded, host: ModelHost, label: String?, count: Int = 400,
    seed: UInt64 = 1
  ) async throws(InferenceError) -> SaliencyMap {
    // The map is no finer than its masks.
    let side = 320.0
    let scale = min(1, side / Double(max(image.width, image.height)))
    let width = max(1, Int(Double(image.width) * scale))
    let height = max(1, Int(Double(image.height) * scale))
    guard let small = image.resized(width: width, height: height) else {
      throw InferenceError(.input, "the image is too large")
    }
    let score = try await Score(small, model, host: host, label: label)
    var random = SeededRandom(seed: seed)
    var sums = [Double](repeating: 0, count: width * height)
    var weights = sums
    for _ in 0..<count {
      let mask = Self.mask(width, height, &random)
      var hidden = small
      hidden.withMutablePixels { pixels in
        for place in mask.indices {
          for channel in 0..<3 {
            let value = Double(pixels[place * 4 + channel])
            // Grey, not black: models react to black.
            pixels[place * 4 + channel] = UInt8(114 + (value - 114) * mask[place])
          }
        }
      }
      let value = try await score.value(hidden)
      for place in mask.indices {
        sums[place] += value * mask[place]
        weights[place] += mask[place]
      }
    }
    let means = zip(sums, weights).map { $1 > 0 ? $0 / $1 : 0 }
    let (low, high) = (means.min() ?? 0, means.max() ?? 0)
    return SaliencyMap(
      width: width, height: height, values: means.map { high > low ? ($0 - low) / (high - low) : 0 },
      label: score.label)
  }

  /// Returns the share of the map above its mean that lies in a box of the map's pixels.
  public func share(in box: PixelBox) -> Double {
    let mean = values.reduce(0, +) / Double(max(1, values.count))
    var (inside, all) = (0.0, 0.0)
    for y in 0..<height {
      for x in 0..<width {
        let value = max(0, values[y * width + x] - mean)
        all += value
        if Double(x) >= box.left, Double(x) < box.right, Double(y) >= box.top, Double(y) < box.bottom {
          inside += value
        }
      }
    }
    return all > 0 ? inside / all : 0
  }

  /// Returns the picture with the map over it, from blue (irrelevant) to red (decisive).
  public func overlay(on image: RGBImage) -> RGBImage {
    var result = image
    let (sx, sy) = (Double(width) / Double(image.width), Double(height) / Double(image.height))
    result.withMutablePixels { pixels in
      for y in 0..<image.height {
        for x in 0..<image.width {
          let value = values[
            min(height - 1, Int(Double(y) * sy)) * width + min(width - 1, Int(Double(x) * sx))]
          let color = [255 * value, 255 * (1 - abs(2 * value - 1)) * 0.8, 255 * (1 - value)]
          let place = (y * image.width + x) * 4
          for channel in 0..<3 {
            pixels[place + channel] = UInt8(0.5 * Double(pixels[place + channel]) + 0.5 * color[channel])
          }
        }
      }
    }
    return result
  }

  /// Returns a coarse random grid, randomly shifted, with smooth edges.
  private static func mask(_ width: Int, _ height: Int, _ random: inout SeededRandom) -> [Double] {
    let cells = (0..<((Self.cells + 1) * (Self.cells + 1))).map { _ in
      random.uniform() < Self.shown ? 1.0 : 0.0
    }
    let (shiftX, shiftY) = (random.uniform(), random.uniform())
    var mask = [Double](repeating: 0, count: width * height)
    for y in 0..<height {
      let v = Double(y) / Double(height) * Double(Self.cells - 1) + shiftY
      let (row, ty) = (Int(v), v - v.rounded(.down))
      for x in 0..<width {
        let u = Double(x) / Double(width) * Double(Self.cells - 1) + shiftX
        let (column, tx) = (Int(u), u - u.rounded(.down))
        let at = row * (Self.cells + 1) + column
        let top = cells[at] + (cells[at + 1] - cells[at]) * tx
        let bottom =
          cells[at + Self.cells + 1] + (cells[at + Self.cells + 2] - cells[at + Self.cells + 1]) * tx
        mask[y * width + x] = top + (bottom - top) * ty
      }
    }
    return mask
  }

  /// Scores the answer to a partly hidden picture.
  private struct Score {
    let label: String
    private let model: ModelHost.Loaded
    private let host: ModelHost
    private let target: DetectedObject?

    init(_ image: RGBImage, _ model: ModelHost.Loaded, host: ModelHost, label: String?)
      async throws(InferenceError)
    {
      self.model = model
      self.host = host
      let labels = model.manifest.labels
      switch model.manifest.task {
      case .objectDetection:
        let found = try await ObjectDetector(minimumScore: 0.2).detect(
          image, model, host: host, priority: .background)
        let fitting = found.filter { label == nil || ($0.label < labels.count && labels[$0.label] == label) }
        guard let best = fitting.max(by: { $0.score < $1.score }) else {
          throw InferenceError(
            .input, "the model finds \(label.map { "no '\($0)'" } ?? "nothing") in the image")
        }
        target = best
        self.label = best.label < labels.count ? labels[best.label] : "class \(best.label)"
      case .imageClassification:
        let scores = try await ImageClassifier().classify(image, model, host: host, priority: .background)
        guard let best = label == nil ? scores.first : scores.first(where: { $0.label == label }) else {
          throw InferenceError(.input, "the model has no label '\(label ?? "")'")
        }
        target = nil
        self.label = best.label
      default:
        throw InferenceError(
          .input,
          "'\(model.manifest.name)' is a model of \(model.manifest.task.rawValue): maps are for classifiers and detectors"
        )
      }
    }

    func value(_ image: RGBImage) async throws(InferenceError) -> Double {
      if let target {
        let found = try await ObjectDetector(minimumScore: 0.01, maximumOverlap: 0.65).detect(
          image, model, host: host, priority: .background)
        return found.filter { $0.label == target.label }.map {
          $0.score * $0.box.overlap(target.box)
        }.max() ?? 0
      }
      let scores = try await ImageClassifier().classify(image, model, host: host, priority: .background)
      return scores.first { $0.label == label }?.value ?? 0
    }
  }
}
