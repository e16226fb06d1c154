import Spatial

/// Tracks detected objects through frames and gives each a constant id.
///
/// Association of ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", 2022):
/// tracks are matched with detections of high score first, then the remaining tracks with those of low score, which are
/// often occluded objects. A Kalman filter with constant velocity predicts the boxes.
public struct ObjectTracker: Sendable {
  public struct Track: Sendable {
    public var id: UInt64
    public var label: Int
    public var score: Double
    public var box: PixelBox
    /// Frames with a matching detection.
    public var hits: Int
    /// Frames since the last matching detection.
    public var missed: Int
    var filter: BoxFilter
  }

  public var highScore: Double
  /// Lowest score of a detection that begins a track.
  public var newScore: Double
  /// Frames without a detection after which a track ends.
  public var maximumMissed = 30
  /// Smallest overlap of a match.
  public var minimumOverlap = 0.2
  /// Frames with a detection before a track is reported.
  public var confirmation = 2

  public private(set) var tracks: [Track] = []
  private var nextID: UInt64 = 1
  private var time: Timestamp?

  /// - Parameter threshold: lowest score of the first association.
  public init(threshold: Double = 0.5) {
    highScore = threshold
    newScore = min(threshold + 0.05, 1)
  }

  /// - Returns: the tracks detected in this frame, and the ids of ended tracks.
  public mutating func update(
    _ detections: [DetectedObject], at now: Timestamp
  ) -> (present: [Track], gone: [UInt64]) {
    let step = min(max(time.map { now.seconds(since: $0) } ?? 0, 0), 1)
    time = now
    for index in tracks.indices { tracks[index].box = tracks[index].filter.predict(step) }
    var free = Set(tracks.indices)
    var high = detections.filter { $0.score >= highScore }
    var low = detections.filter { $0.score < highScore }
    match(&high, &free, minimumOverlap)
    // A detection of low score requires a larger overlap.
    match(&low, &free, 0.5)
    var gone: [UInt64] = []
    for index in free {
      tracks[index].missed += 1
      if tracks[index].missed > maximumMissed || tracks[index].hits < confirmation {
        gone.append(tracks[index].id)
      }
    }
    let wereShown = Set(tracks.filter { $0.hits >= confirmation }.map(\.id))
    tracks.removeAll { gone.contains($0.id) }
    for object in high where object.score >= newScore {
      tracks.append(
        Track(
          id: nextID, label: object.label, score: object.score, box: object.box, hits: 1, missed: 0,
          filter: BoxFilter(object.box)))
      nextID += 1
    }
    return (
      tracks.filter { $0.missed == 0 && $0.hits >= confirmation }, gone.filter(wereShown.contains).sorted()
    )
  }

  /// Greedy matching, the best pairs first; the paper's Hungarian assignment differs only for competing pairs.
  private mutating func match(
    _ detections: inout [DetectedObject], _ free: inout Set<Int>, _ least: Double
  ) {
    var pairs: [(overlap: Double, track: Int, detection: Int)] = []
    for track in free {
      for detection in detections.indices where detections[detection].label == tracks[track].label {
        let overlap = tracks[track].box.overlap(detections[detection].box)
        if overlap >= least { pairs.append((overlap, track, detection)) }
      }
    }
    pairs.sort { ($0.overlap, $1.track, $1.detection) > ($1.overlap, $0.track, $0.detection) }
    var taken = Set<Int>()
    for pair in pairs where free.contains(pair.track) && !taken.contains(pair.detection) {
      free.remove(pair.track)
      taken.insert(pair.detection)
      let object = detections[pair.detection]
      tracks[pair.track].box = tracks[pair.track].filter.update(object.box)
      // Smoothing keeps a single low score from ending a track.
      tracks[pair.track].score += (object.score - tracks[pair.track].score) * 0.3
      tracks[pair.track].hits += 1
      tracks[pair.track].missed = 0
    }
    detections = detections.indices.filter { !taken.contains($0) }.map { detections[$0] }
  }
}

/// A Kalman filter with two states for each edge of a box: position and velocity.
struct BoxFilter: Sendable {
  private var position: PixelBox
  private var velocity = PixelBox(left: 0, top: 0, right: 0, bottom: 0)
  // Variance of position, covariance, and variance of velocity; equal for all edges, relative to the squared box size.
  private var pp = 0.01
  private var ps = 0.0
  private var ss = 4.0

  /// Measurement noise of the edges and process noise of the velocity, relative to the box size.
  private static let noise = 0.03
  private static let change = 1.0
  private static var edges: [WritableKeyPath<PixelBox, Double>] { [\.left, \.top, \.right, \.bottom] }

  init(_ box: PixelBox) { position = box }

  mutating func predict(_ step: Double) -> PixelBox {
    for edge in Self.edges { position[keyPath: edge] += velocity[keyPath: edge] * step }
    pp += step * (2 * ps + step * ss) + Self.change * step * step * step / 3
    ps += step * ss + Self.change * step * step / 2
    ss += Self.change * step
    return position
  }

  mutating func update(_ box: PixelBox) -> PixelBox {
    let total = pp + Self.noise * Self.noise
    let (k, l) = (pp / total, ps / total)
    for edge in Self.edges {
      let difference = box[keyPath: edge] - position[keyPath: edge]
      position[keyPath: edge] += difference * k
      velocity[keyPath: edge] += difference * l
    }
    ss -= l * ps
    ps -= k * ps
    pp -= k * pp
    return position
  }
}
