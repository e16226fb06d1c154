import Perception

/// Average precision of a detector as COCO defines it (Lin et al., 2014; cocodataset.org/#detection-eval): greedy
/// matching by score, precision made monotone, read at 101 recalls, averaged over classes and overlaps.
public struct DetectionMetrics: Sendable {
  public struct Truth: Sendable {
    public var image: Int
    public var label: Int
    public var box: PixelBox
    /// Whether it is a group, which counts neither as hit nor as miss.
    public var isCrowd: Bool

    public init(image: Int, label: Int, box: PixelBox, isCrowd: Bool = false) {
      self.image = image
      self.label = label
      self.box = box
      self.isCrowd = isCrowd
    }
  }

  public struct Found: Sendable {
    public var image: Int
    public var object: DetectedObject

    public init(image: Int, object: DetectedObject) {
      self.image = image
      self.object = object
    }
  }

  /// Mean over classes that have truths.
  public let averagePrecision: Double
  public let averagePrecisionAt50: Double
  /// By label, over all overlaps.
  public let byLabel: [Int: Double]

  static let overlaps = stride(from: 0.5, to: 0.96, by: 0.05).map { ($0 * 100).rounded() / 100 }
  /// Number of detections per image that count, by score.
  private static let maximumDetections = 100

  public init(truths: [Truth], found: [Found]) {
    var sums: [Int: [Double]] = [:]
    let byImage = Dictionary(grouping: found, by: \.image).mapValues { list in
      list.sorted { $0.object.score > $1.object.score }
    }
    for label in Set(truths.filter { !$0.isCrowd }.map(\.label)).sorted() {
      let wanted = Dictionary(grouping: truths.filter { $0.label == label }, by: \.image)
      let total = wanted.values.reduce(0) { $0 + $1.count { !$0.isCrowd } }
      var candidates: [(image: Int, object: DetectedObject)] = []
      for (image, list) in byImage {
        for item in list.filter({ $0.object.label == label }).prefix(Self.maximumDetections) {
          candidates.append((image, item.object))
        }
      }
      candidates.sort { ($0.object.score, $1.image) > ($1.object.score, $0.image) }
      sums[label] = Self.overlaps.map { Self.precision(candidates, wanted, total, overlap: $0) }
    }
    byLabel = sums.mapValues { $0.reduce(0, +) / Double($0.count) }
    let count = Double(max(1, sums.count))
    averagePrecision = byLabel.values.reduce(0, +) / count
    averagePrecisionAt50 = sums.values.reduce(0) { $0 + $1[0] } / count
  }

  private static func precision(
    _ candidates: [(image: Int, object: DetectedObject)], _ wanted: [Int: [Truth]], _ total: Int,
    overlap: Double
  ) -> Double {
    var taken: [Int: Set<Int>] = [:]
    var hits: [Bool] = []
    for (image, object) in candidates {
      let truths = wanted[image] ?? []
      var best: (index: Int, overlap: Double)?
      // Crowds are taken only when nothing else fits.
      for isCrowd in [false, true] where best == nil {
        for (index, truth) in truths.enumerated() where truth.isCrowd == isCrowd {
          guard isCrowd || taken[image]?.contains(index) != true else { continue }
          let shared = isCrowd ? cover(object.box, truth.box) : object.box.overlap(truth.box)
          if shared >= min(overlap, 1 - 1e-10), shared >= best?.overlap ?? 0 { best = (index, shared) }
        }
      }
      guard let best else {
        hits.append(false)
        continue
      }
      if truths[best.index].isCrowd { continue }
      taken[image, default: []].insert(best.index)
      hits.append(true)
    }
    var precisions: [Double] = []
    var recalls: [Double] = []
    var right = 0
    for (index, hit) in hits.enumerated() {
      right += hit ? 1 : 0
      precisions.append(Double(right) / Double(index + 1))
      recalls.append(Double(right) / Double(total))
    }
    for index in precisions.indices.reversed().dropFirst() {
      precisions[index] = max(precisions[index], precisions[index + 1])
    }
    var (sum, place) = (0.0, 0)
    for step in 0...100 {
      let recall = Double(step) / 100
      while place < recalls.count, recalls[place] < recall { place += 1 }
      if place < precisions.count { sum += precisions[place] }
    }
    return sum / 101
  }

  /// Returns the share of a box that lies in the box of a crowd.
  private static func cover(_ box: PixelBox, _ crowd: PixelBox) -> Double {
    box.area > 0 ? box.sharedArea(crowd) / box.area : 0
  }
}

/// Expected calibration error: the difference between confidence and accuracy, in ten bins (Guo et al., "On Calibration of Modern Neural
/// Networks", 2017).
public enum CalibrationError {
  public static func expected(_ answers: [(confidence: Double, isRight: Bool)]) -> Double {
    guard !answers.isEmpty else { return 0 }
    let bins = Dictionary(grouping: answers) { min(9, max(0, Int($0.confidence * 10))) }
    return bins.values.reduce(0) { sum, bin in
      let confidence = bin.reduce(0) { $0 + $1.confidence } / Double(bin.count)
      let right = Double(bin.count { $0.isRight }) / Double(bin.count)
      return sum + abs(confidence - right) * Double(bin.count) / Double(answers.count)
    }
  }
}
