/// The orientation filter's assumptions. docs/explanation/tracking.md gives each value's reason and the benchmark's
/// result when it is halved or doubled.
public struct OrientationSettings: Sendable, Hashable {
  /// Seconds between corrections. The gyroscope is integrated at every sample; errors are estimated this often:
  /// errors change slowly.
  public var correctionInterval = 0.16

  // Gyroscope.
  /// rad/s/√Hz: white noise, three times a data sheet's 0.004 °/s/√Hz, for a sensor that is worn.
  public var gyroscopeNoise = 2e-4
  /// √s: what is left of scale and misalignment errors that no constant explains, as noise per rate.
  public var rotationNoise = 7e-4
  /// rad/s/√Hz: how fast the bias wanders in motion, with all that looks like a bias (acceleration, warming).
  public var biasWalk = 2.5e-4
  /// rad/s/√Hz: how fast it wanders at rest.
  public var restBiasWalk = 5e-5
  /// rad/s: spread of the bias between units that rested before (1 °/s).
  public var biasSpread = 0.0175
  /// rad/s: the largest bias that a first rest may show (8.6 °/s).
  public var largestBias = 0.15
  /// Spread of scale and axis errors of the gyroscope against the accelerometer (0.4 %, 0.2°).
  public var responseSpread = 0.004

  // Accelerometer and motion.
  /// m/s²/√Hz.
  public var accelerometerNoise = 0.01
  /// m/s: a hand or head that does nothing in particular.
  public var velocityFloor = 0.05
  /// s: speed that goes with an acceleration; a swing of frequency f has 1 / 2πf.
  public var velocityPerAcceleration = 0.19
  /// m: how far a device strays from where it was.
  public var positionSpread = 1.0
  /// s: velocities this far apart have little to do with each other, and positions twice as far.
  public var motionCorrelation = 0.5
  /// s: memory of the level of motion.
  public var motionMemory = 1.0

  // Rest.
  /// rad/s and m/s²: deviations within which a device may be resting, of means over one correction interval.
  public var restRate = 0.0175
  public var restForce = 0.3
  /// s: a rest shorter than this is none.
  public var restDuration = 1.0
  /// m/s: speed of a device at rest.
  public var restVelocity = 0.01
  /// rad/s and s: rate of a head that is kept still (0.5 °/s), and its correlation time.
  public var wornRate = 0.0087
  public var wornCorrelation = 5.0

  // Magnetometer.
  /// µT: difference of the field between two points where no iron is near. The measured deviation is added to it.
  public var fieldSpread = 2.5
  /// s: memory for how far the field deviates from its reference.
  public var deviationMemory = 5.0
  /// s: a device moves to another location within this time.
  public var fieldCorrelation = 0.9
  /// s: memory for strength and dip of the undisturbed field.
  public var fieldMemory = 60.0
  /// A field that differs from the reference by more than this many times what is to be expected loses weight.
  public var fieldTolerance = 3.0

  public init() {}
}

extension OrientationSettings {
  /// Name in a settings file, and property, of each setting.
  public static var keys: [(name: String, path: WritableKeyPath<OrientationSettings, Double>)] {
    [
      ("correction_interval_s", \.correctionInterval), ("gyroscope_noise", \.gyroscopeNoise),
      ("rotation_noise", \.rotationNoise), ("bias_walk", \.biasWalk), ("rest_bias_walk", \.restBiasWalk),
      ("bias_spread_rad_s", \.biasSpread), ("largest_bias_rad_s", \.largestBias),
      ("response_spread", \.responseSpread), ("accelerometer_noise", \.accelerometerNoise),
      ("velocity_floor_m_s", \.velocityFloor), ("velocity_per_acceleration_s", \.velocityPerAcceleration),
      ("position_spread_m", \.positionSpread), ("motion_correlation_s", \.motionCorrelation),
      ("motion_memory_s", \.motionMemory), ("rest_rate_rad_s", \.restRate), ("rest_force_m_s2", \.restForce),
      ("rest_duration_s", \.restDuration), ("rest_velocity_m_s", \.restVelocity),
      ("worn_rate_rad_s", \.wornRate), ("worn_correlation_s", \.wornCorrelation),
      ("field_spread_uT", \.fieldSpread), ("field_correlation_s", \.fieldCorrelation),
      ("field_deviation_memory_s", \.deviationMemory), ("field_memory_s", \.fieldMemory),
      ("field_tolerance", \.fieldTolerance),
    ]
  }
}
