import Sensing
import Spatial

/// Orientation by the explicit complementary filter with bias correction of Mahony, Hamel and Pflimlin, "Nonlinear
/// Complementary Filters on the Special Orthogonal Group", IEEE Transactions on Automatic Control 53(5), 2008: a baseline
/// for comparisons.
///
/// With the measured vertical v and the estimated one v̂, both in device axes, the residual is e = v × v̂. The orientation
/// follows the rate ω − b + kP e, and the bias b changes by −kI e. The gains are constant: acceleration tilts the estimate
/// in proportion to kP, and nothing corrects the heading. The filter detects no rest and uses no magnetometer.
///
/// A filter with constant gains has no covariance. The uncertainty of tilt is the root mean square of the residual over the
/// last seconds, which contains the acceleration of the motion: an indication that exceeds the error in motion. The
/// uncertainty of the bias is the rate error that would explain this residual, kP times its root mean square, and that of
/// the heading its integral since the start.
public struct ComplementaryFilter: OrientationEstimator {
  public static let name = "complementary"

  /// 1/s: a tilt error decays with the time constant 1/kP. 1/s²: kI lets the bias follow. Of the tested gains, 0.1 to 1
  /// and 0 to 0.3, these give the least sum of the tilt errors on the trials of BROAD as published and with a bias added.
  private static let proportional = EstimatorSetting("proportional_gain_per_s", 0.4, in: 1e-9...100)
  private static let integral = EstimatorSetting("integral_gain_per_s2", 0.008, in: 0...100)
  /// rad/s: the bias uncertainty of an unknown device.
  private static let biasSpread = EstimatorSetting("bias_spread_rad_s", 0.0175, in: 1e-9...10)
  /// s: memory of the residual's root mean square.
  private static let residualMemory = EstimatorSetting("residual_memory_s", 5, in: 1e-3...1e6)

  public static var settings: [EstimatorSetting] { [proportional, integral, biasSpread, residualMemory] }

  /// rad: the tilt from an accelerometer bias of 0.05 m/s².
  private static let inclinationFloor = 0.005
  /// rad: the residual of an unknown device.
  private static let startingResidual = 0.15

  public var isWorn = false

  private let proportionalGain: Double
  private let integralGain: Double
  private let biasSpread: Double
  private let residualMemory: Double

  private var worldFromDevice: Quaternion
  private var bias: Vector3
  private var hasStarted: Bool
  private var squaredResidual = startingResidual * startingResidual
  private var headingUncertainty = 0.0
  private var tiltCorrection = Vector3.zero

  public init(settings: EstimatorSettings, learned: LearnedGyroscope?, worldFromDevice: Quaternion?) {
    proportionalGain = settings[Self.proportional.name]
    integralGain = settings[Self.integral.name]
    biasSpread = settings[Self.biasSpread.name]
    residualMemory = settings[Self.residualMemory.name]
    bias = learned?.bias ?? .zero
    self.worldFromDevice = worldFromDevice ?? .identity
    hasStarted = worldFromDevice != nil
  }

  private var biasUncertainty: Double { min(proportionalGain * squaredResidual.squareRoot(), biasSpread) }

  public var estimate: OrientationEstimate {
    let variance = squaredResidual + Self.inclinationFloor * Self.inclinationFloor
    var estimate = OrientationEstimate(
      worldFromDevice: worldFromDevice, bias: bias, inclinationUncertainty: min(variance.squareRoot(), .pi),
      headingUncertainty: headingUncertainty)
    estimate.tiltCorrection = tiltCorrection
    return estimate
  }

  public var learned: LearnedGyroscope { LearnedGyroscope(bias: bias, biasUncertainty: biasUncertainty) }

  public func corrected(_ rate: Vector3) -> Vector3 { rate - bias }

  public mutating func update(rate: Vector3, force: Vector3?, field: Vector3?, step: Double) {
    guard step > 0, rate.squaredLength < InertialLimits.largestRate * InertialLimits.largestRate else {
      return
    }
    let measured = force.flatMap {
      $0.squaredLength < InertialLimits.largestForce * InertialLimits.largestForce ? $0.normalized : nil
    }
    guard hasStarted, step <= InertialLimits.maximumStep else { return start(measured, step) }
    worldFromDevice = (worldFromDevice * Quaternion(rotationVector: corrected(rate) * step)).renormalized
    headingUncertainty = min(headingUncertainty + biasUncertainty * step, .pi)
    guard let measured else { return }
    let residual = measured.cross(worldFromDevice.conjugate.rotate(Vector3(0, 1, 0)))
    // At low sampling rates a step never overshoots the measured vertical.
    let correction = residual * min(proportionalGain * step, 1)
    tiltCorrection += worldFromDevice.rotate(correction) * Vector3(1, 0, 1)
    worldFromDevice = (worldFromDevice * Quaternion(rotationVector: correction)).normalized
    bias -= residual * (integralGain * step)
    squaredResidual += (residual.squaredLength - squaredResidual) * (step / (residualMemory + step))
  }

  /// Takes the tilt from gravity: at the start, and after a gap of unknown motion.
  private mutating func start(_ measured: Vector3?, _ step: Double) {
    guard let measured else { return }
    worldFromDevice = worldFromDevice.levelled(by: measured)
    if hasStarted {
      headingUncertainty =
        UnknownMotion.headingVariance(headingUncertainty * headingUncertainty, after: step).squareRoot()
    }
    squaredResidual = Self.startingResidual * Self.startingResidual
    hasStarted = true
  }

  public mutating func restart(headingUncertainty: Double) {
    hasStarted = false
    isWorn = false
    squaredResidual = Self.startingResidual * Self.startingResidual
    self.headingUncertainty = headingUncertainty
    tiltCorrection = .zero
  }

  public mutating func archive(_ archive: StateArchive) {
    archive.code(&worldFromDevice)
    archive.code(&bias)
    archive.code(&hasStarted)
    archive.code(&squaredResidual)
    archive.code(&headingUncertainty)
    archive.code(&tiltCorrection)
  }
}
