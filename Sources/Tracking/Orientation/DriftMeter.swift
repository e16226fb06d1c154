import Sensing
import Spatial

/// Drift of a device's orientation, as a user sees it. All in rad/s; NaN until known.
public struct DriftMeter: Sendable {
  /// Turn of the fused pose about the vertical while the device rests and is not worn: the drift on
  /// a table. Gravity bounds the tilt.
  public private(set) var atRest = Double.nan
  /// Corrections of tilt by gravity: the tilt rate of the gyroscope alone.
  public private(set) var againstGravity = Double.nan
  /// Corrections of heading by the magnetometer.
  public private(set) var againstField = Double.nan

  /// Seconds of rest before its drift is reported, and of the windows of the other two.
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

  /// Takes the estimate after a sample.
  mutating func observe(_ estimate: OrientationEstimate, isWorn: Bool, at time: Timestamp) {
    observeRest(estimate, isWorn: isWorn, at: time)
    observeCorrections(estimate, at: time)
  }

  private mutating func observeRest(_ estimate: OrientationEstimate, isWorn: Bool, at time: Timestamp) {
    // A head is never quite still.
    if estimate.isAtRest, !isWorn {
      if let restStart {
        let elapsed = time.seconds(since: restStart.time)
        // Bias and tilt settle at the start of a rest; later rotation is drift.
        guard elapsed > Self.shortestRest else { return }
        // A rest ends with a movement that is detected late: the reported drift is half a second old.
        guard let candidate else {
          candidate = (time, Self.turn(from: restStart.orientation, to: estimate.worldFromDevice) / elapsed)
          return
        }
        if time.seconds(since: candidate.time) > 0.5 {
          atRest = candidate.drift
          self.candidate = nil
        }
      } else if settled(since: time) {
        restStart = (time, estimate.worldFromDevice)
      }
    } else {
      restStart = nil
      restBegan = nil
      candidate = nil
    }
  }

  private mutating func observeCorrections(_ estimate: OrientationEstimate, at time: Timestamp) {
    guard let start = windowStart else {
      windowStart = (time, estimate.tiltCorrection, estimate.headingCorrection)
      return
    }
    let elapsed = time.seconds(since: start.time)
    guard elapsed >= Self.window else { return }
    againstGravity = (estimate.tiltCorrection - start.tilt).length / elapsed
    againstField =
      estimate.isHeadingReferenced ? abs(estimate.headingCorrection - start.heading) / elapsed : .nan
    windowStart = (time, estimate.tiltCorrection, estimate.headingCorrection)
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
