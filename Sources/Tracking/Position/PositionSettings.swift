/// Noise that the position filter reckons with. docs/explanation/tracking.md gives the reasons.
public struct PositionSettings: Sendable, Hashable {
  /// rad/s/√Hz.
  public var gyroscopeNoise = 3e-3
  /// √s: scale and axis errors of the gyroscope as noise per rate.
  public var rotationNoise = 1e-3
  /// rad/s/√Hz.
  public var gyroscopeBiasWalk = 5e-5
  /// m/s²/√Hz.
  public var accelerometerNoise = 0.02
  /// Share of the acceleration that scale and axis errors of the accelerometer get wrong, as noise, √s.
  public var accelerationNoise = 4e-3
  /// Share of the change from one sample to the next that its integral may be wrong by: the motion
  /// between two samples is unobserved. After a tap this is all of the error.
  public var aliasing = 0.3
  /// m/s²/√Hz.
  public var accelerometerBiasWalk = 2e-3
  /// rad/s and m/s².
  public var gyroscopeBiasSpread = 0.0175
  public var accelerometerBiasSpread = 0.1
  /// Scale and axis errors of the gyroscope against the measured attitudes.
  public var responseSpread = 0.005
  /// Squared Mahalanobis distance of three components from which on a measurement counts for less, with a variance
  /// that grows with the distance: one good measurement in twenty exceeds it (χ²).
  public var trusted = 8.0
  /// Squared distance beyond which it isn't believed at all.
  public var gate = 150.0
  /// Measurements in a row beyond the gate after which the filter starts anew from the next.
  public var rejectionsBeforeRestart = 5
  /// s: time constant with which a correction reaches the displayed pose.
  public var displayTime = 0.06
  /// s without measurement: until then position is carried on, from then it holds.
  public var carriedTime = 2.5

  public init() {}
}
