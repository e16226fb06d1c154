import Cameras
import Imaging
import Inference
import Sensing
import Spatial

extension PerceptionTask.Name {
  public static let objects = Self(rawValue: "objects")
}

extension PerceptionTask {
  static let objects = PerceptionTask(
    name: .objects, models: [Model(ObjectDetector.defaultModel, .objectDetection)],
    outputs: [Output(.object, color: AnnotationColor(0.2, 0.5, 0.95))], priority: .standard,
    worker: .frames { ObjectStage($0) })
}

/// Tracked objects, anchored along their rays, with a distance for classes of known size.
public actor ObjectStage: PerceptionStage {
  private let host: ModelHost
  private let model: String
  private let ids: AnnotationIDs
  private let priority: InferencePriority
  private let detector: ObjectDetector
  private let threshold: Double
  private var trackers = CameraTable<ObjectTracker>()
  /// Pixels of the longer side of the model's input.
  private var inputSide: Int?
  /// The last annotation of each track, by camera and track.
  private var known = CameraTable<[UInt64: Annotation]>()

  /// Detections of a low score continue tracks and do not begin them (ByteTrack's second association).
  private static let lowestScore = 0.1

  public init(_ context: PerceptionContext) {
    host = context.host
    model = context.settings.detector
    ids = context.ids
    priority = context.priority
    threshold = context.settings.minimumScore
    detector = ObjectDetector(minimumScore: min(Self.lowestScore, threshold))
  }

  /// That of the detector's input, once it is loaded.
  public func resolution(for camera: String, at captured: Timestamp) -> PictureResolution {
    inputSide.map { PictureResolution(scale: 0, side: $0) } ?? .full
  }

  public func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
    let model = try await host.model(model)
    inputSide = ObjectDetector.side(of: model)
    let found = try await detector.detect(frame.image, model, host: host, priority: priority)
    var tracker = trackers[frame.camera] ?? ObjectTracker(threshold: threshold)
    let (present, gone) = tracker.update(found, at: frame.captured)
    trackers[frame.camera] = tracker
    var known = known[frame.camera] ?? [:]
    var result: [Annotation] = []
    let labels = model.manifest.labels
    for track in present {
      let label = track.label < labels.count ? labels[track.label] : "class \(track.label)"
      var annotation = Annotation(
        id: known[track.id]?.id ?? ids.take(), kind: .object, label: label, confidence: track.score,
        source: Annotation.Source(model), captured: frame.captured, published: frame.captured)
      annotation.region = frame.region(track.box)
      annotation.anchor = anchor(of: label, track.box, frame)
      annotation.timeToLive = 1
      known[track.id] = annotation
      result.append(annotation)
    }
    for id in gone {
      guard var last = known.removeValue(forKey: id) else { continue }
      last.captured = frame.captured
      last.isEnded = true
      result.append(last)
    }
    self.known[frame.camera] = known
    return result
  }

  private func anchor(of label: String, _ box: PixelBox, _ frame: PerceptionFrame) -> Annotation.Anchor {
    let (x, y) = (box.centerX, box.centerY)
    let top = frame.model.ray(x: x, y: box.top)
    let bottom = frame.model.ray(x: x, y: box.bottom)
    // Half the angle between the upper and lower edge, from undistorted rays.
    let half = ((top - bottom).length / 2).clamped(to: 0...1)
    // A box at the image's edge may show a part of the object.
    let isWhole = box.top > 1 && box.bottom < Double(frame.image.height) - 2
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

/// Typical heights in metres, for classes of similar size. The resulting distance is an estimate; the ray is measured.
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
