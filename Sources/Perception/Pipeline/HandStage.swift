import Inference
import Sensing
import Spatial

/// Hands with their joints, and the gestures that they hold.
public actor HandStage: PerceptionStage {
  private struct Followed {
    var annotation: UInt64
    var filters: [OneEuroFilter]
    var gestures = GestureHysteresis()
    /// Of the gesture that is held.
    var gesture: (id: UInt64, label: String)?
    var pinch: UInt64?
    /// That it is a right hand, over the last pictures: one that comes into view may look like either.
    var right: Double
    var last: Annotation

    var isRight: Bool { right >= 0.5 }
  }

  /// What another camera of the same head saw, for triangulation.
  private struct Sighting {
    var captured: Timestamp
    var rays: [(origin: Vector3, direction: Vector3)]
    var isRight: Bool
  }

  private let host: ModelHost
  private let numbers: AnnotationNumbers
  private var trackers: [String: HandTracker] = [:]
  private var followed: [String: [UInt64: Followed]] = [:]
  private var sightings: [String: [Sighting]] = [:]

  /// A pinch begins at the first and ends at the second strength.
  private static let pinchStrengths = (begin: 0.8, end: 0.5)
  /// Two cameras' frames of the same moment, in seconds.
  private static let sameMoment = 0.02
  /// Rays that pass each other by more are of different points, in metres.
  private static let widestGap = 0.03

  public init(host: ModelHost, numbers: AnnotationNumbers) {
    self.host = host
    self.numbers = numbers
  }

  public func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
    let tracker = trackers[frame.camera] ?? HandTracker(host: host)
    trackers[frame.camera] = tracker
    let (hands, model) = try await tracker.track(frame.image)
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
          annotation: numbers.take(),
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

  /// The landmarks in the anchors' space: where two cameras' rays meet, else where a usual hand would be.
  private func inSpace(_ hand: HandTracker.Hand, _ frame: PerceptionFrame, _ sighting: Sighting) -> [Vector3]?
  {
    for (camera, others) in sightings where camera != frame.camera {
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
    return HandLift.place(hand.landmarks.metric, along: rays)?.map { pose.transform($0) }
  }

  private func gestures(
    _ hand: HandTracker.Hand, _ annotation: Annotation, _ known: inout [UInt64: Followed]
  ) async throws(InferenceError) -> [Annotation] {
    let (scores, model) = try await HandGestures(host: host).classify(hand.landmarks)
    guard var entry = known[hand.id] else { return [] }
    defer { known[hand.id] = entry }
    var result: [Annotation] = []
    func tell(_ id: UInt64, _ label: String, _ confidence: Double, isEnded: Bool = false) {
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
      tell(old.id, old.label, 0, isEnded: true)
      entry.gesture = nil
    }
    if let began { entry.gesture = (numbers.take(), Self.plain(began)) }
    if let held = entry.gesture, let name = entry.gestures.held {
      tell(held.id, held.label, scores.first { $0.label == name }?.value ?? 0)
    }
    let strength = annotation.strength ?? 0
    if entry.pinch == nil, strength >= Self.pinchStrengths.begin { entry.pinch = numbers.take() }
    if let pinch = entry.pinch {
      let isEnded = strength < Self.pinchStrengths.end
      tell(pinch, "pinch", strength, isEnded: isEnded)
      if isEnded { entry.pinch = nil }
    }
    return result
  }

  /// `Closed_Fist` for people.
  static func plain(_ label: String) -> String {
    label == "ILoveYou" ? "I love you" : label.replacing("_", with: " ").lowercased()
  }
}
