import Foundation
import Inference
import Spatial
import Testing

@testable import Perception

struct DetectionDecoderTests {
  /// A NanoDet output with scores near zero.
  private struct Level {
    let stride: Int
    let columns: Int
    let lines: Int
    var scores: [Float]
    var boxes: [Float]

    init(_ stride: Int, _ width: Int, _ height: Int) {
      self.stride = stride
      columns = (width + stride - 1) / stride
      lines = (height + stride - 1) / stride
      scores = Array(repeating: 0.001, count: columns * lines * 80)
      boxes = Array(repeating: 0, count: columns * lines * 32)
    }

    /// A distribution over eight bins whose mean is a given distance.
    mutating func put(_ box: PixelBox, label: Int, score: Float, column: Int, line: Int) {
      let cell = line * columns + column
      scores[cell * 80 + label] = score
      let (x, y) = (
        Double(column * stride) + Double(stride - 1) / 2, Double(line * stride) + Double(stride - 1) / 2
      )
      for (side, distance) in [x - box.left, y - box.top, box.right - x, box.bottom - y].enumerated() {
        let bins = distance / Double(stride)
        let low = Int(bins)
        for bin in 0..<8 {
          let share = bin == low ? 1 - (bins - Double(low)) : bin == low + 1 ? bins - Double(low) : 0
          boxes[cell * 32 + side * 8 + bin] = Float(log(max(share, 1e-12))) + 3
        }
      }
    }

    func tensors(isFlat: Bool) -> [Tensor] {
      let lead = isFlat ? [] : [1]
      return [
        Tensor(float32: lead + [columns * lines, 80], scores),
        Tensor(float32: lead + [columns * lines, 32], boxes),
      ]
    }
  }

  @Test(arguments: [(416, 416), (640, 480), (320, 192)])
  func nanoDetBoxesAreDecoded(_ width: Int, _ height: Int) throws {
    var random = SeededRandom(seed: UInt64(width))
    for strides in [[8, 16, 32], [8, 16, 32, 64]] {
      var levels = strides.map { Level($0, width, height) }
      var truth: [DetectedObject] = []
      for index in levels.indices {
        let stride = levels[index].stride
        for number in 0..<3 {
          let (column, line) = (number % levels[index].columns, (number * 2) % levels[index].lines)
          let (x, y) = (Double(column * stride), Double(line * stride))
          func side() -> Double { (0.5 + 6 * random.uniform()) * Double(stride) }
          let object = DetectedObject(
            label: Int(random.next() % 80), score: 0.5,
            box: PixelBox(left: x - side(), top: y - side(), right: x + side(), bottom: y + side()))
          levels[index].put(object.box, label: object.label, score: 0.5, column: column, line: line)
          truth.append(object)
        }
      }
      // Whatever the order in which a runtime gives them.
      for order in 0..<2 {
        let list = order == 0 ? levels : levels.reversed()
        let tensors = list.flatMap { $0.tensors(isFlat: order == 1) }
        let found = try NanoDetDecoder().decode(tensors, width: width, height: height, minimumScore: 0.3)
        #expect(found.count == truth.count)
        for object in truth {
          #expect(
            found.contains {
              $0.label == object.label && abs($0.score - 0.5) < 1e-6
                && abs($0.box.left - object.box.left) < 0.01 && abs($0.box.top - object.box.top) < 0.01
                && abs($0.box.right - object.box.right) < 0.01
                && abs($0.box.bottom - object.box.bottom) < 0.01
            })
        }
      }
    }
  }

  @Test func otherOutputsAreRefused() throws {
    let level = Level(8, 416, 416).tensors(isFlat: false)
    let decoder = NanoDetDecoder()
    for outputs in [
      [level[0]], [level[1]], [level[0], Tensor(float32: [1, 10, 32], [])],
      [Tensor(float32: [5], [1])], [Tensor(float32: [2, 2704, 80], []), level[1]],
      // Scores and boxes, but of no grid of this picture.
      [Tensor(float32: [1, 1000, 80], []), Tensor(float32: [1, 1000, 32], [])],
    ] {
      #expect(throws: InferenceError.self) {
        try decoder.decode(outputs, width: 416, height: 416, minimumScore: 0.3)
      }
    }
    #expect(try decoder.decode([], width: 416, height: 416, minimumScore: 0.3).isEmpty)
    // Numbers that are none are no objects.
    let wild = [
      Tensor(float32: [1, 2704, 80], Array(repeating: .nan, count: 2704 * 80)),
      Tensor(float32: [1, 2704, 32], Array(repeating: .infinity, count: 2704 * 32)),
    ]
    #expect(try decoder.decode(wild, width: 416, height: 416, minimumScore: 0.3).isEmpty)
    #expect(throws: InferenceError.self) {
      try YOLOXDecoder().decode([level[0]], width: 416, height: 416, minimumScore: 0.3)
    }
  }

  @Test func decodersOfOtherTasksAreRefused() throws {
    var manifest = ModelManifest(name: "m", version: "1", task: .objectDetection)
    #expect(try manifest.detectionDecoder() is YOLOXDecoder)
    manifest.decoder = .nanodet
    #expect(try manifest.detectionDecoder() is NanoDetDecoder)
    manifest.decoder = ModelDecoder(rawValue: "whisper")
    #expect(throws: InferenceError.self) { try manifest.detectionDecoder() }
  }
}
