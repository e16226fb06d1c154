import Glibc
import Spatial

/// Gyroscope integration with gravity correction and a gyroscope bias learned at rest.
///
/// The gyroscope alone carries the device into an almost-inertial frame. There the measured specific force is
/// low-passed: gravity stays where it is and motion averages out, because nobody accelerates one way for long.
/// What is left of tilt after that is removed at once. (The idea of VQF: Laidig and Seel, Information Fusion 91,
/// 2023.)
public struct OrientationFilter: Sendable {
  /// Time constant of the two low-pass stages for specific force, seconds each. Shorter follows gravity
  /// sooner; longer rejects motion better.
  static let gravityTime = 1.5
  /// At rest there is no motion to reject, only noise.
  static let restingGravityTime = 0.3
  /// Rest: rates and forces stay this close to their running means for `restSeconds`.
  static let restRate = 2.0 * Double.pi / 180
  static let restForce = 0.5
  static let restMeanTime = 0.5
  static let restSeconds = 1.0
  /// A device that turns this fast is not resting, however steadily: no consumer gyroscope is off by more.
  static let maximumBias = 6.0 * Double.pi / 180
  /// rad/s/√Hz: 0.017 °/s/√Hz, the upper end of data sheets.
  static let gyroscopeNoise = 3e-4
  /// Steps longer than this are gaps: nothing is known of the motion in between.
  static let maximumStep = 0.25

  /// World (Y up, heading as at the start) from device.
  public private(set) var worldFromDevice = Quaternion.identity
  /// rad/s, device axes: what is subtracted from the gyroscope.
  public private(set) var bias = Vector3.zero
  /// One standard deviation of the bias, rad/s.
  public private(set) var biasUncertainty = 1.0 * Double.pi / 180
  public private(set) var isAtRest = false
  /// One standard deviation of tilt and heading, rad.
  public private(set) var inclinationUncertainty = 0.2
  public private(set) var headingUncertainty = 0.0

  private var inertialFromDevice = Quaternion.identity
  private var levelFromInertial = Quaternion.identity
  private var firstStage = Vector3.zero
  private var secondStage = Vector3.zero
  private var settledTime = 0.0
  private var hasStarted = false

  private var meanRate = Vector3.zero
  private var meanForce = Vector3.zero
  private var hasRestMeans = false
  private var restTime = 0.0

  public init() {}

  /// Starts with a bias that was learned before, as when a device comes back.
  public init(bias: Vector3, uncertainty: Double) {
    self.bias = bias
    biasUncertainty = uncertainty
  }

  /// - Parameters:
  ///   - rate: rad/s, device axes, calibrated.
  ///   - force: m/s², device axes, calibrated; nil when the accelerometer can't be believed (saturated).
  ///   - step: seconds since the last sample.
  public mutating func update(rate: Vector3, force: Vector3?, step: Double) {
    let isGap = step > Self.maximumStep
    let step = min(max(step, 0), Self.maximumStep)
    if isGap {
      // A second of unknown motion can be any turn; gravity settles the tilt again.
      headingUncertainty = min(headingUncertainty + 0.5, .pi)
      inclinationUncertainty = min(inclinationUncertainty + 0.2, .pi)
      settledTime = min(settledTime, 0.2)
      restTime = 0
    }
    updateRest(rate: rate, force: force, step: step)
    inertialFromDevice =
      (inertialFromDevice * Quaternion(rotationVector: (rate - bias) * step)).normalized
    if let force { correct(inertialFromDevice.rotate(force), step: step) }
    worldFromDevice = (levelFromInertial * inertialFromDevice).normalized

    // Angle random walk of 0.01 °/s/√Hz and the bias, which is wrong in one way for a long time.
    headingUncertainty = min(
      .pi, (headingUncertainty * headingUncertainty + 3e-8 * step).squareRoot() + biasUncertainty * step * 0.5
    )
  }

  private mutating func correct(_ force: Vector3, step: Double) {
    if !hasStarted {
      firstStage = force
      secondStage = force
      hasStarted = true
    }
    settledTime += step
    // While little is known every sample counts the same, then the low-pass forgets.
    let time = min(isAtRest ? Self.restingGravityTime : Self.gravityTime, max(settledTime / 2, step))
    let gain = 1 - exp(-step / time)
    firstStage += (force - firstStage) * gain
    secondStage += (firstStage - secondStage) * gain

    guard let up = levelFromInertial.rotate(secondStage).normalized else { return }
    // The shortest turn that brings the measured vertical onto +Y has no heading part.
    if up.y > -0.9999 {
      let half = ((up.y + 1) / 2).squareRoot()
      let turn = Quaternion(x: -up.z / (2 * half), y: 0, z: up.x / (2 * half), w: half)
      levelFromInertial = (turn * levelFromInertial).normalized
    } else {
      levelFromInertial = Quaternion(angle: .pi, axis: Vector3(1, 0, 0)) * levelFromInertial
    }
    // Settles to half a degree: what the accelerometer's own bias leaves (0.05 m/s²).
    inclinationUncertainty += (0.009 - inclinationUncertainty) * (1 - exp(-step / Self.gravityTime))
  }

  private mutating func updateRest(rate: Vector3, force: Vector3?, step: Double) {
    if !hasRestMeans, let force {
      meanRate = rate
      meanForce = force
      hasRestMeans = true
    }
    let gain = 1 - exp(-step / Self.restMeanTime)
    meanRate += (rate - meanRate) * gain
    if let force { meanForce += (force - meanForce) * gain }
    let isQuiet =
      (rate - meanRate).squaredLength < Self.restRate * Self.restRate
      && (force.map { ($0 - meanForce).squaredLength < Self.restForce * Self.restForce } ?? false)
      && meanRate.squaredLength < Self.maximumBias * Self.maximumBias
    restTime = isQuiet ? restTime + step : 0
    isAtRest = restTime >= Self.restSeconds
    guard isAtRest else {
      // The bias wanders: 1 mrad/s within an hour or so.
      biasUncertainty = min(biasUncertainty + 2e-7 * step, 0.02)
      return
    }
    // A Kalman filter for a constant seen through white noise of the density of a consumer gyroscope.
    let variance = biasUncertainty * biasUncertainty
    let gainOfSample = variance / (variance + Self.gyroscopeNoise * Self.gyroscopeNoise / max(step, 1e-6))
    bias += (rate - bias) * gainOfSample
    biasUncertainty = max(2e-5, (variance * (1 - gainOfSample)).squareRoot())
  }
}
