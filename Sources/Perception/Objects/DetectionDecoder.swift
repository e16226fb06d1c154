import Foundation
import Inference

/// Decodes a detector's outputs to boxes in pixels of its input.
protocol DetectionDecoder: Sendable {
  /// - Parameters:
  ///   - width: of the model's input.
  ///   - height: of the model's input.
  /// - Returns: detections with sufficient scores, before non-maximum suppression.
  func decode(
    _ outputs: [Tensor], width: Int, height: Int, minimumScore: Double
  ) throws(InferenceError) -> [DetectedObject]
}

/// YOLOX (Ge et al., "YOLOX: Exceeding YOLO Series in 2021"): one tensor [1, cells, 5 + classes] of the grids of strides 8,
/// 16 and 32, with box, objectness and classes of each cell.
struct YOLOXDecoder: DetectionDecoder {
  private static let strides = [8, 16, 32]

  func decode(
    _ outputs: [Tensor], width: Int, height: Int, minimumScore: Double
  ) throws(InferenceError) -> [DetectedObject] {
    guard let output = outputs.first else { return [] }
    let cells = Self.strides.reduce(0) { $0 + (width / $1) * (height / $1) }
    guard output.shape.count == 3, output.shape[1] == cells, output.shape[2] > 5, output.type == .float32
    else {
      throw InferenceError(.model, "the model is not a YOLOX model: its output has the shape \(output.shape)")
    }
    let length = output.shape[2]
    var found: [DetectedObject] = []
    output.withFloats { values in
      var row = 0
      for stride in Self.strides {
        let columns = width / stride
        for cell in 0..<(columns * (height / stride)) {
          defer { row += 1 }
          let start = row * length
          let objectness = values[start + 4]
          guard Double(objectness) >= minimumScore else { continue }
          var (best, label) = (-Float.infinity, 0)
          for index in 5..<length where values[start + index] > best {
            best = values[start + index]
            label = index - 5
          }
          let score = Double(best * objectness)
          guard score >= minimumScore else { continue }
          let x = Double(values[start] + Float(cell % columns)) * Double(stride)
          let y = Double(values[start + 1] + Float(cell / columns)) * Double(stride)
          let w = Double(exp(values[start + 2])) * Double(stride)
          let h = Double(exp(values[start + 3])) * Double(stride)
          found.append(
            DetectedObject(
              label: label, score: score,
              box: PixelBox(left: x - w / 2, top: y - h / 2, right: x + w / 2, bottom: y + h / 2)))
        }
      }
    }
    return found
  }
}

/// NanoDet (RangiLyu, 2020; its boxes by "Generalized Focal Loss", Li et al., 2020): for each stride a tensor of scores [1, cells,
/// classes] and one of boxes [1, cells, 4 × 8], whose rows are distributions of the distances from the cell's centre
/// to the box's left, top, right and bottom, in strides.
struct NanoDetDecoder: DetectionDecoder {
  private static let strides = [8, 16, 32, 64]
  /// Bins of a distribution.
  private static let bins = 8

  func decode(
    _ outputs: [Tensor], width: Int, height: Int, minimumScore: Double
  ) throws(InferenceError) -> [DetectedObject] {
    let misfit = InferenceError(
      .model, "the model is not a NanoDet model: its outputs have the shapes \(outputs.map(\.shape))")
    var levels: [Int: (scores: Tensor?, boxes: Tensor?)] = [:]
    for output in outputs {
      guard output.type == .float32, output.shape.count >= 2, let length = output.shape.last, length > 0
      else { throw misfit }
      let rows = output.count / length
      guard output.shape[output.shape.count - 2] == rows else { throw misfit }
      if length == 4 * Self.bins {
        levels[rows, default: (nil, nil)].boxes = output
      } else {
        levels[rows, default: (nil, nil)].scores = output
      }
    }
    var found: [DetectedObject] = []
    for (rows, level) in levels.sorted(by: { $0.key > $1.key }) {
      guard let scores = level.scores, let boxes = level.boxes, let classes = scores.shape.last,
        let grid = grid(rows, width, height)
      else { throw misfit }
      scores.withFloats { scores in
        boxes.withFloats { boxes in
          for cell in 0..<rows {
            var (best, label) = (-Float.infinity, 0)
            for index in 0..<classes where scores[cell * classes + index] > best {
              best = scores[cell * classes + index]
              label = index
            }
            guard Double(best) >= minimumScore else { continue }
            let stride = Double(grid.stride)
            let x = (Double(cell % grid.columns) + 0.5) * stride - 0.5
            let y = (Double(cell / grid.columns) + 0.5) * stride - 0.5
            let sides = (0..<4).map { side in
              stride * Self.mean(boxes, cell * 4 * Self.bins + side * Self.bins)
            }
            found.append(
              DetectedObject(
                label: label, score: Double(best),
                box: PixelBox(
                  left: x - sides[0], top: y - sides[1], right: x + sides[2], bottom: y + sides[3])))
          }
        }
      }
    }
    return found
  }

  /// The stride of the grid with this number of cells; its last column and row may be partial.
  private func grid(_ rows: Int, _ width: Int, _ height: Int) -> (stride: Int, columns: Int)? {
    for stride in Self.strides {
      for extra in [0, stride - 1] {
        let (columns, lines) = ((width + extra) / stride, (height + extra) / stride)
        if columns > 0, columns * lines == rows { return (stride, columns) }
      }
    }
    return nil
  }

  /// The mean of a distribution given as logits.
  private static func mean(_ values: UnsafeBufferPointer<Float>, _ start: Int) -> Double {
    let largest = (0..<bins).reduce(-Float.infinity) { max($0, values[start + $1]) }
    var (sum, weighted) = (0.0, 0.0)
    for bin in 0..<bins {
      let power = exp(Double(values[start + bin] - largest))
      sum += power
      weighted += power * Double(bin)
    }
    return weighted / sum
  }
}

extension ModelManifest {
  /// The decoder of a detector's outputs. Manifests without a decoder describe YOLOX models.
  ///
  /// - Throws: `InferenceError` of kind `model` for decoders of other tasks.
  func detectionDecoder() throws(InferenceError) -> any DetectionDecoder {
    switch decoder ?? .yolox {
    case .yolox: return YOLOXDecoder()
    case .nanodet: return NanoDetDecoder()
    case let other:
      throw InferenceError(
        .model,
        "the decoder '\(other.rawValue)' of the model '\(name)' detects no objects; allowed: yolox, nanodet")
    }
  }
}
