import Sensing
import Spatial

/// Attitude from gyroscope, accelerometer and, where there is one, magnetometer.
///
/// The gyroscope is integrated at each sample. Its errors are estimated six times a second by an
/// error-state Kalman filter over attitude, bias, velocity, position and the gyroscope's response (scale and
/// misalignment). Gravity corrects tilt because motion is bounded: a person does not accelerate in one direction
/// for long, so a wrong tilt shows as a growing velocity. docs/explanation/tracking.md has the equations.
public struct OrientationFilter: Sendable {
  public typealias Settings = OrientationSettings

  /// rad: heading uncertainty from the field at one point.
  static let startingHeading = 0.4
  /// rad: the tilt from an accelerometer bias of 0.05 m/s².
  static let inclinationFloor = 0.005

  /// World (Y up, heading as at the start or, with magnetometer, −Z north) from device.
  public internal(set) var worldFromDevice = Quaternion.identity
  /// rad/s, device axes: subtracted from the gyroscope.
  public internal(set) var bias = Vector3.zero
  /// Relative error of the gyroscope's response: rad/s of error per rad/s of rate, device axes.
  public var responseError: Matrix3 { response.transposed }
  public internal(set) var isAtRest = false
  /// Whether the device is being worn: an apparent rest may be a slow rotation of the wearer.
  public var isWorn = false
  /// The magnetometer is on and agrees with the field that was learned.
  public internal(set) var isHeadingReferenced = false

  /// rad, world axes: all that tilt was corrected by so far. The gyroscope alone would have drifted as much.
  public internal(set) var tiltCorrection = Vector3.zero
  /// rad: all that heading was corrected by so far, from the magnetometer.
  public internal(set) var headingCorrection = 0.0
  /// rad/s/√Hz: white noise of the gyroscope as seen at rest; NaN before the first rest.
  public internal(set) var measuredNoise = Double.nan

  let settings: Settings
  var errors: BlockCovariance
  /// m/s and m, world axes: the part of the motion that tilt would explain.
  var velocity = Vector3.zero
  var position = Vector3.zero
  /// Columns of the response error as rows.
  var response = Matrix3.zero

  var hasStarted = false
  var hasEverRested = false
  var runTime = 0.0
  var period = 0.0
  var lastRate = Vector3.zero
  var lastForce = Vector3.zero
  var interval = Interval()

  var meanRate = Vector3.zero
  var meanForce = Vector3.zero
  /// Seconds and turn of a rest that were not made use of yet.
  var restTime = 0.0
  var restAngle = Vector3.zero
  /// m/s²: level of acceleration lately.
  var motion = 0.0
  var field = FieldReference()
  /// Records each correction for the offline smoother; nil online.
  var trace: SmootherTrace?

  /// Indices in the error state.
  enum Block {
    static let attitude = 0
    static let bias = 1
    static let velocity = 2
    static let position = 3
    static let response = 4
  }

  /// Sums over the samples since the last correction.
  struct Interval: Sendable {
    var time = 0.0
    /// m/s, world axes: integral of specific force.
    var push = Vector3.zero
    /// Time during which the accelerometer was believed.
    var pushTime = 0.0
    /// Integrals of rotation, and of rotation times each component of the rate.
    var rotation = Matrix3.zero
    var rotationRateX = Matrix3.zero
    var rotationRateY = Matrix3.zero
    var rotationRateZ = Matrix3.zero
    /// rad, device axes, not corrected.
    var angle = Vector3.zero
    var squaredAngle = 0.0
    /// Integral of squared acceleration.
    var squaredAcceleration = 0.0
    var field = Vector3.zero
    var fieldTime = 0.0
    /// rad², of saturated samples: the angle that they may hide.
    var hidden = 0.0
  }

  public init(settings: Settings = Settings()) {
    self.settings = settings
    errors = BlockCovariance(deviations: [
      0.15, settings.biasSpread, 0.5, 0.2, settings.responseSpread, settings.responseSpread,
      settings.responseSpread,
    ])
  }

  /// Starts with the errors learned before, as when a device is connected again.
  public init(settings: Settings = Settings(), learned: LearnedGyroscope) {
    self.init(settings: settings)
    bias = learned.bias
    response = learned.responseError.transposed
    // Switched off and on again, a bias has moved a little.
    errors.restart(Block.bias, deviation: min(learned.biasUncertainty + 1e-3, settings.biasSpread))
    hasEverRested = learned.biasUncertainty < settings.biasSpread / 2
  }

  /// Restarts with the learned errors and the last orientation, as after a restart of the device; the next force gives the
  /// tilt. Allocates nothing.
  ///
  /// - Parameter headingUncertainty: of the last heading, rad.
  public mutating func restart(headingUncertainty: Double) {
    let (learned, orientation) = (learned, worldFromDevice)
    var errors = errors
    // The storage of the covariance is used on: only its numbers begin again.
    self.errors = BlockCovariance.empty
    let deviations: InlineArray<7, Double> = [
      0.15, min(learned.biasUncertainty + 1e-3, settings.biasSpread), 0.5, 0.2, settings.responseSpread,
      settings.responseSpread, settings.responseSpread,
    ]
    for block in 0..<7 { errors.restart(block, deviation: deviations[block]) }
    // Before the filter shares the storage with this variable: a change afterwards would copy it.
    errors[Block.attitude, Block.attitude].row1.y = headingUncertainty * headingUncertainty
    let trace = trace
    self = OrientationFilter(settings: settings, errors: errors)
    self.trace = trace
    bias = learned.bias
    response = learned.responseError.transposed
    hasEverRested = learned.biasUncertainty < settings.biasSpread / 2
    worldFromDevice = orientation
  }

  private init(settings: Settings, errors: BlockCovariance) {
    self.settings = settings
    self.errors = errors
  }

  public var learned: LearnedGyroscope {
    LearnedGyroscope(bias: bias, biasUncertainty: biasUncertainty, responseError: responseError)
  }

  /// One standard deviation of the bias, rad/s.
  public var biasUncertainty: Double { (errors[Block.bias, Block.bias].trace / 3).squareRoot() }

  /// One standard deviation of tilt, rad.
  public var inclinationUncertainty: Double {
    let attitude = errors[Block.attitude, Block.attitude]
    let variance = attitude.row0.x + attitude.row2.z + Self.inclinationFloor * Self.inclinationFloor
    return min(variance.squareRoot(), .pi)
  }

  /// One standard deviation of heading, rad: against the start or, with magnetometer, against magnetic north.
  public var headingUncertainty: Double {
    min(errors[Block.attitude, Block.attitude].row1.y.squareRoot(), .pi)
  }

  /// The rate without the estimated errors of the gyroscope, rad/s, device axes.
  @inline(__always)
  public func corrected(_ rate: Vector3) -> Vector3 {
    let unbiased = rate - bias
    return unbiased - (response.row0 * unbiased.x + response.row1 * unbiased.y + response.row2 * unbiased.z)
  }

  /// - Parameters:
  ///   - rate: rad/s, device axes, calibrated: the mean since the last sample.
  ///   - force: m/s², device axes, calibrated; nil when the sample can't be believed (saturated).
  ///   - field: µT, device axes, calibrated; nil without magnetometer.
  ///   - step: seconds since the last sample; at most zero for a sample that came again, which is ignored.
  public mutating func update(rate: Vector3, force: Vector3?, field: Vector3? = nil, step: Double) {
    guard step > 0, rate.squaredLength < InertialLimits.largestRate * InertialLimits.largestRate else {
      return
    }
    let force = force.flatMap {
      $0.squaredLength < InertialLimits.largestForce * InertialLimits.largestForce ? $0 : nil
    }
    if !hasStarted {
      guard let force else { return }
      hasStarted = true
      // Not identity after a restart, which keeps the heading.
      worldFromDevice =
        worldFromDevice == .identity
        ? Quaternion(from: force, to: Vector3(0, 1, 0)) : worldFromDevice.levelled(by: force)
      period = min(step, InertialLimits.maximumStep)
      lastRate = rate
      lastForce = worldFromDevice.rotate(force)
      meanForce = lastForce
      meanRate = rate
    }
    var step = step
    if step > InertialLimits.maximumStep {
      bridge(gap: step)
      step = period
      lastRate = rate
    }
    // A sample is the mean over its period. Of samples that are missing before it the best guess is the straight
    // line between their neighbours.
    let share = 0.5 / max(1, step / period)
    let mean = (lastRate + rate) * 0.5 + (rate - lastRate) * share
    lastRate = rate
    period += (min(step, 2 * period) - period) * 0.02

    let turn = corrected(mean)
    worldFromDevice = (worldFromDevice * Quaternion(rotationVector: turn * step)).renormalized
    let rotation = worldFromDevice.matrix

    interval.time += step
    if let force {
      let now = rotation * force
      let push = (lastForce + now) * 0.5 + (now - lastForce) * share
      lastForce = now
      interval.push += push * step
      interval.pushTime += step
      interval.squaredAcceleration += (push - Vector3(0, standardGravity, 0)).squaredLength * step
    } else {
      // Saturated: the reading is the least that the rate can be.
      interval.hidden += turn.squaredLength * step * step * 0.25
    }
    interval.rotation += rotation * step
    let unbiased = (mean - bias) * step
    interval.rotationRateX += rotation * unbiased.x
    interval.rotationRateY += rotation * unbiased.y
    interval.rotationRateZ += rotation * unbiased.z
    interval.angle += rate * step
    interval.squaredAngle += rate.squaredLength * step
    if let field, field.squaredLength < 1e8 {
      interval.field += rotation * field * step
      interval.fieldTime += step
    }
    // The first two seconds settle faster.
    if interval.time >= (runTime < 2 ? 0.3 : 1) * settings.correctionInterval { correct() }
  }

  /// A second of unknown motion can be any turn; gravity settles the tilt again, but only a magnetometer the heading.
  private mutating func bridge(gap: Double) {
    trace?.interrupted()
    let spread = min(gap, 1)
    errors.restart(Block.velocity, deviation: 0.5)
    errors.restart(Block.position, deviation: 0.2)
    let heading = UnknownMotion.headingVariance(
      errors[Block.attitude, Block.attitude].row1.y, after: gap)
    errors.restart(Block.attitude, deviation: 0)
    errors[Block.attitude, Block.attitude] = .diagonal(Vector3(0.3 * spread, heading, 0.3 * spread))
    errors.add(variance: settings.biasWalk * settings.biasWalk * gap, to: Block.bias)
    velocity = .zero
    position = .zero
    restTime = 0
    restAngle = .zero
    isAtRest = false
    interval = Interval()
  }
}
