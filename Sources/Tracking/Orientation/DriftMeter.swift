import Sensing
import Spatial

/// How fast a device's orientation drifts, as figures that a user sees. All in rad/s; NaN until they are known.
public struct DriftMeter: Sendable {
  /// Turn of the fused pose about the vertical while the device rests and nobody wears it: what a user sees on the
  /// table. Tilt can't run away, gravity holds it.
  public private(set) var atRest = Double.nan
  /// What gravity corrects of tilt: how fast the gyroscope alone would tip over.
  public private(set) var againstGravity = Double.nan
  /// What the magnetometer corrects of heading.
  public private(set) var againstField = Double.nan

  /// Seconds of rest before its drift is told, and of the windows of the other two.
  static let shortestRest = 2.0
  static let window = 30.0

  private var restStart: (time: Timestamp, orientation: Quaternion)?
  private var candidate: (time: Timestamp, drift: Double)?
  private var windowStart: (time: Timestamp, tilt: Vector3, heading: Double)?

  public init() {}

  mutating func archive(_ archive: StateArchive) {
    let start = Timestamp(nanoseconds: 0)
    archive.code(&atRest)
    archive.code(&againstGravity)
    archive.code(&againstField)
    archive.code(&restStart, empty: (start, .identity)) {
      archive.code(&$0.time)
      archive.code(&$0.orientation)
    }
    archive.code(&candidate, empty: (start, 0)) {
      archive.code(&$0.time)
      archive.code(&$0.drift)
    }
    archive.code(&windowStart, empty: (start, .zero, 0)) {
      archive.code(&$0.time)
      archive.code(&$0.tilt)
      archive.code(&$0.heading)
    }
    archive.code(&restBegan, empty: start) { archive.code(&$0) }
  }

  /// Takes the filter after a sample.
  mutating func observe(_ filter: OrientationFilter, at time: Timestamp) {
    observeRest(filter, at: time)
    observeCorrections(filter, at: time)
  }

  private mutating func observeRest(_ filter: OrientationFilter, at time: Timestamp) {
    // A head is never quite still.
    if filter.isAtRest, !filter.isWorn {
      if let restStart {
        let elapsed = time.seconds(since: restStart.time)
        // Bias and tilt settle at the start of a rest; what comes later is drift.
        guard elapsed > Self.shortestRest else { return }
        // A rest ends with a movement that is not noticed at once: what is told is half a second old.
        guard let candidate else {
          candidate = (time, Self.turn(from: restStart.orientation, to: filter.worldFromDevice) / elapsed)
          return
        }
        if time.seconds(since: candidate.time) > 0.5 {
          atRest = candidate.drift
          self.candidate = nil
        }
      } else if settled(since: time) {
        restStart = (time, filter.worldFromDevice)
      }
    } else {
      restStart = nil
      restBegan = nil
      candidate = nil
    }
  }

  private mutating func observeCorrections(_ filter: OrientationFilter, at time: Timestamp) {
    guard let start = windowStart else {
      windowStart = (time, filter.tiltCorrection, filter.headingCorrection)
      return
    }
    let elapsed = time.seconds(since: start.time)
    guard elapsed >= Self.window else { return }
    againstGravity = (filter.tiltCorrection - start.tilt).length / elapsed
    againstField =
      filter.isHeadingReferenced ? abs(filter.headingCorrection - start.heading) / elapsed : .nan
    windowStart = (time, filter.tiltCorrection, filter.headingCorrection)
  }

  private var restBegan: Timestamp?

  /// The part of a turn that is about the vertical, rad.
  private static func turn(from: Quaternion, to: Quaternion) -> Double {
    abs((to * from.conjugate).rotationVector.y)
  }

  private mutating func settled(since time: Timestamp) -> Bool {
    guard let restBegan else {
      restBegan = time
      return false
    }
    return time.seconds(since: restBegan) > 0.5
  }
}
