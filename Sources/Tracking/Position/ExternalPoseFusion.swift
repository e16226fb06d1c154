import Sensing
import Spatial

/// Fuses the poses of an external tracker with the IMU: an optical tracker, base stations, inside-out tracking.
///
/// While measurements arrive, position and attitude are those of the position filter, in the measurements' world. Without
/// measurements the last position is held, and the orientation estimator continues the attitude from the last measured
/// heading.
struct ExternalPoseFusion: Sendable {
  /// The estimate at one sample.
  struct Estimate {
    var worldFromUnit: Pose
    /// m/s, world axes.
    var velocity: Vector3
    /// rad/s, unit axes; nil where only the orientation estimator has it.
    var rate: Vector3?
    var uncertainty: PoseUncertainty
    /// False while the position is held.
    var isTracked: Bool
  }

  /// s without a measurement after which the device tracks orientation only.
  static let forgottenAfter = 60.0
  /// m, one standard deviation: the position is dead-reckoned until its uncertainty has grown by this much. With a tilt
  /// known to 0.3° that takes 2.4 s, with one known to 1.5° one second.
  private static let farthestCarried = 0.15
  /// s: time constant of the transition to the attitude of the orientation estimator.
  private static let glideTime = 0.5

  private var filter: PositionFilter
  /// From the world of the orientation estimator to that of the measurements, about the vertical.
  private(set) var heading = Quaternion.identity
  /// From the attitude of the orientation estimator to the shown one, while the position is held.
  private var glide = Quaternion.identity
  private var shown: Pose?
  private var lastMeasured: Timestamp
  /// Position, velocity, inclination and heading at the last measurement: one standard deviation.
  private var spread = (position: 0.0, velocity: 0.0, inclination: 0.0, heading: 0.0)
  private var isHeld = false
  /// The last sample while the position was held.
  private var lastHeld = Timestamp(nanoseconds: 0)
  /// m/s: a person walking.
  private static let walk = 0.5

  init(at time: Timestamp, settings: PositionSettings = PositionSettings()) {
    filter = PositionFilter(settings: settings)
    lastMeasured = time
  }

  /// A value to restore a state into.
  static var empty: ExternalPoseFusion { ExternalPoseFusion(at: Timestamp(nanoseconds: 0)) }

  mutating func archive(_ archive: StateArchive) {
    filter.archive(archive)
    archive.code(&heading)
    archive.code(&glide)
    archive.code(&shown, empty: .identity) { pose in
      archive.code(&pose.position)
      archive.code(&pose.orientation)
    }
    archive.code(&lastMeasured)
    archive.code(&spread.position)
    archive.code(&spread.velocity)
    archive.code(&spread.inclination)
    archive.code(&spread.heading)
    archive.code(&isHeld)
    archive.code(&lastHeld)
  }

  /// Squared Mahalanobis distance of the last measured position; 3 on average when the stated noise is right.
  var innovation: Double { filter.innovation }

  /// Takes a measurement in the unit's axes.
  ///
  /// - Parameters:
  ///   - attitude: by the orientation estimator; gives the tilt where only a position is measured.
  ///   - bias: rad/s, the gyroscope's bias by the orientation estimator.
  mutating func measure(
    _ measurement: PoseMeasurement, attitude: Quaternion, bias: Vector3
  ) -> PositionFilter.Outcome {
    let outcome = filter.add(measurement, attitude: heading * attitude, bias: bias)
    guard outcome == .started || outcome == .used else { return outcome }
    lastMeasured = max(lastMeasured, measurement.captured)
    if outcome == .started, let shown { filter.glide(from: shown) }
    isHeld = false
    if let (position, velocity, turn) = filter.uncertaintyWhenMeasured {
      spread = (
        (position.trace / 3).squareRoot(), (velocity.trace / 3).squareRoot(),
        (turn.row0.x + turn.row2.z).squareRoot(), turn.row1.y.squareRoot()
      )
    }
    return outcome
  }

  /// Takes a sample.
  ///
  /// - Parameters:
  ///   - attitude: world from unit by the orientation estimator, and its uncertainty.
  /// - Returns: nil while nothing was measured yet, and when it was too long ago.
  mutating func advance(
    _ sample: PositionFilter.Sample, attitude: Quaternion, attitudeUncertainty: PoseUncertainty
  ) -> Estimate? {
    filter.add(sample)
    let silence = sample.captured.seconds(since: lastMeasured)
    guard silence < Self.forgottenAfter else { return nil }
    let time = max(0, silence)
    let fall = 0.5 * standardGravity * spread.inclination * time * time
    let drift = spread.velocity * time
    let growth = drift * drift + fall * fall
    if !isHeld, silence <= filter.settings.carriedTime, growth < Self.farthestCarried * Self.farthestCarried,
      let state = filter.displayed
    {
      shown = state.worldFromUnit
      heading = (state.worldFromUnit.orientation * attitude.conjugate).aboutVertical
      return Estimate(
        worldFromUnit: state.worldFromUnit, velocity: state.velocity, rate: state.rate,
        uncertainty: PoseUncertainty(
          inclination: spread.inclination, heading: spread.heading,
          position: (spread.position * spread.position + growth).squareRoot()),
        isTracked: true)
    }
    guard var pose = shown else { return nil }
    let known = heading * attitude
    if !isHeld {
      isHeld = true
      filter.restart()
      glide = pose.orientation * known.conjugate
      lastHeld = sample.captured
    }
    let step = sample.captured.seconds(since: lastHeld)
    lastHeld = sample.captured
    glide = Quaternion(rotationVector: glide.rotationVector * max(0, 1 - step / Self.glideTime))
    pose.orientation = (glide * known).normalized
    shown = pose
    var uncertainty = attitudeUncertainty
    uncertainty.heading = min(spread.heading + attitudeUncertainty.heading, .pi)
    uncertainty.position = Self.walk * silence
    return Estimate(
      worldFromUnit: pose, velocity: .zero, rate: nil, uncertainty: uncertainty, isTracked: false)
  }
}

extension Quaternion {
  /// The part of a turn that is about the vertical; the rest is one about a level axis.
  var aboutVertical: Quaternion {
    let length = (y * y + w * w).squareRoot()
    // Upside down every heading is as good as another.
    guard length > 1e-9 else { return .identity }
    return Quaternion(x: 0, y: y / length, z: 0, w: w / length)
  }
}
