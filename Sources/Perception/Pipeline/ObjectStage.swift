import Imaging
import Inference
import Sensing
import Spatial

/// Objects with identities, placed along their rays, and by their usual size where things of a kind are alike.
public actor ObjectStage: PerceptionStage {
  /// The detector that is run when none is named.
  public static let model = "object-detection"

  private let host: ModelHost
  private let model: String
  private let numbers: AnnotationNumbers
  private let detector: ObjectDetector
  private let threshold: Double
  private var trackers: [String: ObjectTracker] = [:]
  private var ids: [String: [UInt64: (id: UInt64, last: Annotation)]] = [:]

  /// What is weaker than a track's first sight keeps tracks alive (ByteTrack's second association).
  private static let weakest = 0.1

  /// - Parameter model: its name in the registry.
  public init(
    host: ModelHost, model: String = ObjectStage.model, numbers: AnnotationNumbers, minimumScore: Double = 0.3
  ) {
    self.host = host
    self.model = model
    self.numbers = numbers
    detector = ObjectDetector(minimumScore: min(Self.weakest, minimumScore))
    threshold = minimumScore
  }

  public func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
    let model = try await host.model(model)
    let found = try await detector.detect(frame.image, model, host: host)
    var tracker = trackers[frame.camera] ?? ObjectTracker(threshold: threshold)
    let (present, gone) = tracker.update(found, at: frame.captured)
    trackers[frame.camera] = tracker
    var known = ids[frame.camera] ?? [:]
    var result: [Annotation] = []
    let labels = model.manifest.labels
    for track in present {
      let label = track.label < labels.count ? labels[track.label] : "class \(track.label)"
      var annotation = Annotation(
        id: known[track.id]?.id ?? numbers.take(), kind: .object, label: label, confidence: track.score,
        source: Annotation.Source(model), captured: frame.captured, published: frame.captured)
      annotation.region = frame.region(track.box)
      annotation.anchor = anchor(of: label, track.box, frame)
      annotation.timeToLive = 1
      known[track.id] = (annotation.id, annotation)
      result.append(annotation)
    }
    for id in gone {
      guard let entry = known.removeValue(forKey: id) else { continue }
      var last = entry.last
      last.captured = frame.captured
      last.isEnded = true
      result.append(last)
    }
    ids[frame.camera] = known
    return result
  }

  private func anchor(of label: String, _ box: SIMD4<Double>, _ frame: PerceptionFrame) -> Annotation.Anchor {
    let (x, y) = ((box.x + box.z) / 2, (box.y + box.w) / 2)
    let top = frame.model.ray(x: x, y: box.y)
    let bottom = frame.model.ray(x: x, y: box.w)
    // The angle between the box's ends, of undistorted rays.
    let half = ((top - bottom).length / 2).clamped(to: 0...1)
    // A box cut off by the picture's edge says nothing of the size.
    let isWhole = box.y > 1 && box.w < Double(frame.image.height) - 2
    guard let height = ObjectSizes.height(of: label), isWhole, half > 0.005 else {
      return frame.anchor(x: x, y: y)
    }
    return frame.anchor(x: x, y: y, distance: height / (2 * half), size: height)
  }
}

extension Double {
  func clamped(to range: ClosedRange<Double>) -> Double {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}

/// Usual heights of things in metres, for kinds whose members are roughly alike. The distance that follows is a guess;
/// the ray on which it lies is not.
enum ObjectSizes {
  private static let heights: [String: Double] = [
    "person": 1.7, "bicycle": 1.05, "car": 1.5, "motorbike": 1.1, "bus": 3.1, "truck": 3.0, "stop sign": 0.75,
    "fire hydrant": 0.75, "chair": 0.9, "bottle": 0.25, "wine glass": 0.2, "cup": 0.1, "bowl": 0.08,
    "keyboard": 0.14, "mouse": 0.06, "cell phone": 0.15, "laptop": 0.25, "tvmonitor": 0.5, "book": 0.24,
    "cat": 0.3, "dog": 0.5, "banana": 0.18, "apple": 0.08, "orange": 0.08, "sports ball": 0.22,
    "toilet": 0.75,
    "microwave": 0.3, "refrigerator": 1.7, "scissors": 0.18, "toothbrush": 0.19,
  ]

  static func height(of label: String) -> Double? { heights[label] }
}
