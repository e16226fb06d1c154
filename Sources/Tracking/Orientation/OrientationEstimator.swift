import Sensing
import Spatial

/// Computes the orientation of an IMU from its samples, one after the other.
///
/// A further estimator is a type that conforms, in a file of its own, and a row of `OrientationEstimators.all`; its
/// settings, its name in sessions and its messages derive from the type. Estimators run on the tracking thread: after the
/// first samples `update`, `restart` and the properties neither allocate nor read a clock, and the same samples give the
/// same bits.
public protocol OrientationEstimator: Sendable {
  /// The name in settings files and sessions: lower-case words joined by hyphens. It never changes, because sessions
  /// contain it.
  static var name: String { get }

  /// All settings of the estimator; keys of a settings file.
  static var settings: [EstimatorSetting] { get }

  /// Starts an estimator.
  ///
  /// - Parameters:
  ///   - settings: contain a value for each of `Self.settings`.
  ///   - learned: the gyroscope's errors as known from before; nil for an unknown device.
  ///   - worldFromDevice: the orientation to continue from; nil when the first samples give it.
  init(settings: EstimatorSettings, learned: LearnedGyroscope?, worldFromDevice: Quaternion?)

  /// The present estimate.
  var estimate: OrientationEstimate { get }

  /// The gyroscope's errors, for the next start of the device.
  var learned: LearnedGyroscope { get }

  /// Whether the device is being worn: an apparent rest may then be a slow rotation of the wearer.
  var isWorn: Bool { get set }

  /// Returns the angular velocity without the estimated errors of the gyroscope, rad/s, device axes.
  func corrected(_ rate: Vector3) -> Vector3

  /// Processes one sample.
  ///
  /// - Parameters:
  ///   - rate: rad/s, device axes, calibrated: the mean since the last sample.
  ///   - force: m/s², device axes, calibrated; nil for a saturated reading.
  ///   - field: µT, device axes, calibrated; nil without magnetometer.
  ///   - step: seconds since the last sample; at most zero for a repeated sample, which is ignored.
  mutating func update(rate: Vector3, force: Vector3?, field: Vector3?, step: Double)

  /// Processes one sample and returns the estimate after it, and the rate without the gyroscope's errors.
  ///
  /// An implementation is provided; as a requirement it is one dynamic call for each sample instead of three.
  mutating func advance(
    rate: Vector3, force: Vector3?, field: Vector3?, step: Double
  ) -> (estimate: OrientationEstimate, rate: Vector3)

  /// Restarts with the learned errors of the gyroscope, as after a restart of the device. The last heading is kept; the next
  /// samples give the tilt.
  ///
  /// - Parameter headingUncertainty: of the last heading, rad.
  mutating func restart(headingUncertainty: Double)

  /// Writes or restores everything but the settings.
  mutating func archive(_ archive: StateArchive)
}

extension OrientationEstimator {
  public mutating func advance(
    rate: Vector3, force: Vector3?, field: Vector3?, step: Double
  ) -> (estimate: OrientationEstimate, rate: Vector3) {
    update(rate: rate, force: force, field: field, step: step)
    return (estimate, corrected(rate))
  }
}

/// What an estimator publishes after a sample.
public struct OrientationEstimate: Sendable {
  /// World (Y up, heading as at the start or, with magnetometer, −Z north) from device.
  public var worldFromDevice: Quaternion
  /// rad/s, device axes: subtracted from the gyroscope.
  public var bias: Vector3
  /// rad, one standard deviation of tilt.
  public var inclinationUncertainty: Double
  /// rad, one standard deviation of heading.
  public var headingUncertainty: Double
  public var isAtRest: Bool
  /// The magnetometer is on and agrees with the learned field.
  public var isHeadingReferenced: Bool
  /// rad, world axes: sum of all corrections of tilt.
  public var tiltCorrection: Vector3
  /// rad: sum of all corrections of heading by the magnetometer.
  public var headingCorrection: Double
  /// rad/s/√Hz: white noise of the gyroscope, measured at rest; NaN when unknown.
  public var measuredNoise: Double

  public init(
    worldFromDevice: Quaternion, bias: Vector3, inclinationUncertainty: Double, headingUncertainty: Double
  ) {
    self.worldFromDevice = worldFromDevice
    self.bias = bias
    self.inclinationUncertainty = inclinationUncertainty
    self.headingUncertainty = headingUncertainty
    isAtRest = false
    isHeadingReferenced = false
    tiltCorrection = .zero
    headingCorrection = 0
    measuredNoise = .nan
  }
}

/// Errors of a gyroscope that an estimator learned, kept while the device is away.
public struct LearnedGyroscope: Sendable, Hashable {
  /// rad/s, device axes.
  public var bias: Vector3
  /// rad/s, one standard deviation.
  public var biasUncertainty: Double
  /// Relative error of the response: rad/s of error per rad/s of rate, device axes.
  public var responseError: Matrix3

  public init(bias: Vector3, biasUncertainty: Double, responseError: Matrix3 = .zero) {
    self.bias = bias
    self.biasUncertainty = biasUncertainty
    self.responseError = responseError
  }
}

/// Bounds of readings and steps that all estimators share.
enum InertialLimits {
  /// s: longer steps are gaps, with unknown motion.
  static let maximumStep = 0.25
  /// rad/s and m/s²: beyond the range of any IMU; such samples are taken for broken.
  static let largestRate = 200.0
  static let largestForce = 2000.0
}
