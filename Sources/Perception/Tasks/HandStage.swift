import Cameras
import Imaging
import Inference
import Sensing
import Spatial

extension PerceptionTask.Name {
  public static let hands = Self(rawValue: "hands")
}

extension PerceptionTask {
  static let hands = PerceptionTask(
    name: .hands,
    models: [
      Model(HandTracker.palmModel, .palmDetection), Model(HandTracker.landmarkModel, .handLandmarks),
      Model(HandGestures.embedderModel, .gestureEmbedding),
      Model(HandGestures.classifierModel, .gestureClassification),
    ],
    outputs: [
      Output(.hand, color: AnnotationColor(0.2, 0.8, 0.4)),
      Output(.gesture, color: AnnotationColor(0.9, 0.6, 0.1)),
    ], priority: .interactive, worker: .frames { HandStage($0) })
}

/// Hands with their joints, and static gestures.
public actor HandStage: PerceptionStage {
  /// A tracked hand.
  private struct Followed {
    /// Id of the hand's annotation.
    var annotation: UInt64
    var filters: [OneEuroFilter<Vector3>]
    var gestures = GestureHysteresis()
    /// The current gesture.
    var gesture: (id: UInt64, label: String)?
    /// Id of the current pinch.
    var pinch: UInt64?
    /// Smoothed probability of a right hand: the model is unsure about hands that come into view.
    var right: Double
    var last: Annotation

    var isRight: Bool { right >= 0.5 }
  }

  /// A hand in another camera of the same head, for triangulation.
  private struct Sighting {
    var captured: Timestamp
    var rays: [(origin: Vector3, direction: Vector3)]
    var isRight: Bool
  }

  private let host: ModelHost
  private let ids: AnnotationIDs
  private let priority: InferencePriority
  private var trackers = CameraTable<HandTracker>()
  private var followed = CameraTable<[UInt64: Followed]>()
  private var sightings = CameraTable<[Sighting]>()

  /// Strengths at which a pinch begins and ends.
  private static let pinchStrengths = (begin: 0.8, end: 0.5)
  /// Largest difference between simultaneous frames of two cameras, in seconds.
  private static let sameMoment = 0.02
  /// Largest distance between two rays to the same point, in metres.
  private static let widestGap = 0.03

  public init(_ context: PerceptionContext) {
    host = context.host
    ids = context.ids
    priority = context.priority
  }

  public func resolution(for camera: String, at captured: Timestamp) async -> PictureResolution {
    await trackers[camera]?.resolution(at: captured) ?? .full
  }

  public func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
    let tracker = trackers[frame.camera] ?? HandTracker(host: host, priority: priority)
    trackers[frame.camera] = tracker
    let (hands, model) = try await tracker.track(frame.image, at: frame.captured)
    var result: [Annotation] = []
    var seen: [Sighting] = []
    var known = followed[frame.camera] ?? [:]
    for hand in hands {
      let rays = hand.landmarks.points.map { point in
        frame.anchor(x: point.x, y: point.y)
      }
      seen.append(
        Sighting(
          captured: frame.captured, rays: rays.map { ($0.origin, $0.direction) },
          isRight: hand.landmarks.isRight))
      var entry =
        known[hand.id]
        ?? Followed(
          annotation: ids.take(),
          filters: Array(repeating: OneEuroFilter(minimumCutoff: 2, beta: 15), count: HandLandmarks.count),
          right: hand.landmarks.right,
          last: Annotation(
            id: 0, kind: .hand, label: "", confidence: 0, source: Annotation.Source(model),
            captured: frame.captured, published: frame.captured))
      entry.right += (hand.landmarks.right - entry.right) * 0.2
      let annotation = annotate(hand, frame, seen[seen.count - 1], &entry, model)
      result.append(annotation)
      entry.last = annotation
      known[hand.id] = entry
      result += try await gestures(hand, annotation, &known)
    }
    for id in known.keys.sorted() where !hands.contains(where: { $0.id == id }) {
      guard let entry = known.removeValue(forKey: id) else { continue }
      for ended in [entry.annotation, entry.gesture?.id, entry.pinch].compactMap({ $0 }) {
        var last = entry.last
        last.id = ended
        last.kind = ended == entry.annotation ? .hand : .gesture
        if ended != entry.annotation {
          last.label = ended == entry.pinch ? "pinch" : entry.gesture?.label ?? ""
        }
        last.captured = frame.captured
        last.isEnded = true
        result.append(last)
      }
    }
    followed[frame.camera] = known
    sightings[frame.camera] = seen
    return result
  }

  private func annotate(
    _ hand: HandTracker.Hand, _ frame: PerceptionFrame, _ sighting: Sighting, _ entry: inout Followed,
    _ model: ModelHost.Loaded
  ) -> Annotation {
    var annotation = Annotation(
      id: entry.annotation, kind: .hand, label: entry.isRight ? "right hand" : "left hand",
      confidence: hand.landmarks.presence, source: Annotation.Source(model), captured: frame.captured,
      published: frame.captured)
    annotation.isRightHand = entry.isRight
    annotation.strength = HandGestures.pinch(hand.landmarks.metric)
    annotation.timeToLive = 0.3
    var region = frame.region(hand.landmarks.bounds)
    region.points = hand.landmarks.points.map { SIMD2($0.x, $0.y) }
    annotation.region = region
    guard let points = inSpace(hand, frame, sighting) else { return annotation }
    let smooth = points.indices.map { entry.filters[$0].update(points[$0], at: frame.captured) }
    annotation.joints = HandSkeleton.joints(smooth, isRight: entry.isRight)
    if let palm = annotation.joints.first?.pose.position {
      let origin = frame.spaceFromCamera.position
      let ray = palm - origin
      annotation.anchor = Annotation.Anchor(
        space: frame.space, origin: origin, direction: ray.normalized ?? Vector3(0, 0, -1),
        distance: ray.length, size: (smooth[12] - smooth[0]).length)
    }
    return annotation
  }

  /// The landmarks in the anchors' space: triangulated from two cameras, otherwise at the distance of a hand of average
  /// size.
  private func inSpace(_ hand: HandTracker.Hand, _ frame: PerceptionFrame, _ sighting: Sighting) -> [Vector3]?
  {
    for (camera, others) in sightings.all where camera != frame.camera {
      for other in others
      where other.isRight == sighting.isRight
        && abs(other.captured.seconds(since: sighting.captured)) <= Self.sameMoment
      {
        let met = zip(sighting.rays, other.rays).map { HandLift.triangulate($0, $1) }
        let points = met.compactMap { $0?.point }
        let gaps = met.compactMap { $0?.gap }.sorted()
        if points.count == HandLandmarks.count, gaps[gaps.count / 2] < Self.widestGap { return points }
      }
    }
    let pose = frame.spaceFromCamera
    let rays = hand.landmarks.points.map { frame.model.ray(x: $0.x, y: $0.y) }
    return HandLift.position(hand.landmarks.metric, along: rays)?.map { pose.transform($0) }
  }

  private func gestures(
    _ hand: HandTracker.Hand, _ annotation: Annotation, _ known: inout [UInt64: Followed]
  ) async throws(InferenceError) -> [Annotation] {
    let (scores, model) = try await HandGestures(host: host, priority: priority).classify(hand.landmarks)
    guard var entry = known[hand.id] else { return [] }
    defer { known[hand.id] = entry }
    var result: [Annotation] = []
    func report(_ id: UInt64, _ label: String, _ confidence: Double, isEnded: Bool = false) {
      var gesture = annotation
      gesture.id = id
      gesture.kind = .gesture
      gesture.label = label
      gesture.confidence = confidence
      gesture.source = Annotation.Source(model)
      gesture.joints = []
      gesture.region?.points = []
      gesture.isEnded = isEnded
      result.append(gesture)
    }
    let (began, ended) = entry.gestures.update(scores)
    if ended != nil, let old = entry.gesture {
      report(old.id, old.label, 0, isEnded: true)
      entry.gesture = nil
    }
    if let began { entry.gesture = (ids.take(), Self.plain(began)) }
    if let held = entry.gesture, let name = entry.gestures.held {
      report(held.id, held.label, scores.first { $0.label == name }?.value ?? 0)
    }
    let strength = annotation.strength ?? 0
    if entry.pinch == nil, strength >= Self.pinchStrengths.begin { entry.pinch = ids.take() }
    if let pinch = entry.pinch {
      let isEnded = strength < Self.pinchStrengths.end
      report(pinch, "pinch", strength, isEnded: isEnded)
      if isEnded { entry.pinch = nil }
    }
    return result
  }

  /// The label as readable text, `closed fist` for `Closed_Fist`.
  static func plain(_ label: String) -> String {
    label == "ILoveYou" ? "I love you" : label.replacing("_", with: " ").lowercased()
  }
}
