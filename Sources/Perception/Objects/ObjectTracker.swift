import Spatial

/// Gives things an identity that stays while they stay.
///
/// Association of ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", 2022):
/// tracks are matched with the detections of high score first, then the tracks that are left with those of low score,
/// which are likely things half hidden. Boxes between two pictures move on by a Kalman filter of constant speed.
public struct ObjectTracker: Sendable {
  public struct Track: Sendable {
    public var id: UInt64
    public var label: Int
    public var score: Double
    public var box: SIMD4<Double>
    /// Pictures in which it was seen.
    public var hits: Int
    /// Pictures since it was seen.
    public var missed: Int
    var filter: BoxFilter
  }

  public var highScore: Double
  /// A detection that no track takes begins one from this score on.
  public var newScore: Double
  /// Pictures for which a track lives on unseen.
  public var patience = 30
  /// Least overlap of a match.
  public var minimumOverlap = 0.2
  /// Pictures in which a thing must be seen before it is told of.
  public var confirmation = 2

  public private(set) var tracks: [Track] = []
  private var nextID: UInt64 = 1
  private var time: Timestamp?

  /// - Parameter threshold: detections of this score are strong.
  public init(threshold: Double = 0.5) {
    highScore = threshold
    newScore = min(threshold + 0.05, 1)
  }

  /// - Returns: what is there in this picture, and the ids of what is gone.
  public mutating func update(
    _ detections: [DetectedObject], at now: Timestamp
  ) -> (present: [Track], gone: [UInt64]) {
    let step = min(max(time.map { now.seconds(since: $0) } ?? 0, 0), 1)
    time = now
    for place in tracks.indices { tracks[place].box = tracks[place].filter.predict(step) }
    var free = Set(tracks.indices)
    var high = detections.filter { $0.score >= highScore }
    var low = detections.filter { $0.score < highScore }
    match(&high, &free, minimumOverlap)
    // A weak detection must lie well on the track to count.
    match(&low, &free, 0.5)
    var gone: [UInt64] = []
    for place in free {
      tracks[place].missed += 1
      if tracks[place].missed > patience || tracks[place].hits < confirmation {
        gone.append(tracks[place].id)
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

  /// The best pairs first. (The paper's Hungarian assignment differs from it only where pairs compete.)
  private mutating func match(
    _ detections: inout [DetectedObject], _ free: inout Set<Int>, _ least: Double
  ) {
    var pairs: [(overlap: Double, track: Int, detection: Int)] = []
    for track in free {
      for detection in detections.indices where detections[detection].label == tracks[track].label {
        let overlap = DetectedObject.overlap(tracks[track].box, detections[detection].box)
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
      // One bad look does not make it doubtful.
      tracks[pair.track].score += (object.score - tracks[pair.track].score) * 0.3
      tracks[pair.track].hits += 1
      tracks[pair.track].missed = 0
    }
    detections = detections.indices.filter { !taken.contains($0) }.map { detections[$0] }
  }
}

/// Left, top, right and bottom of a box with their speeds, each by a Kalman filter of two states.
struct BoxFilter: Sendable {
  private var place: SIMD4<Double>
  private var speed = SIMD4<Double>.zero
  // Variances of place, of both, of speed; the same for all four, in squared shares of the box's size.
  private var pp = 0.01
  private var ps = 0.0
  private var ss = 4.0

  /// Of a detection's edges, and of what speeds change in a second, in shares of the box's size.
  private static let noise = 0.03
  private static let change = 1.0

  init(_ box: SIMD4<Double>) { place = box }

  mutating func predict(_ step: Double) -> SIMD4<Double> {
    place += speed * step
    pp += step * (2 * ps + step * ss) + Self.change * step * step * step / 3
    ps += step * ss + Self.change * step * step / 2
    ss += Self.change * step
    return place
  }

  mutating func update(_ box: SIMD4<Double>) -> SIMD4<Double> {
    let total = pp + Self.noise * Self.noise
    let (k, l) = (pp / total, ps / total)
    let difference = box - place
    place += difference * k
    speed += difference * l
    ss -= l * ps
    ps -= k * ps
    pp -= k * pp
    return place
  }
}
