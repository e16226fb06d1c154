import Spatial

/// What separates a real inertial unit from an ideal one.
public struct InertialErrors: Sendable {
  /// rad/s.
  public var gyroscopeBias: Vector3
  /// rad/s/√Hz.
  public var gyroscopeNoise: Double
  /// Fraction.
  public var gyroscopeScale: Vector3
  /// Off the diagonal: rad/s about one axis per rad/s about another.
  public var gyroscopeMisalignment = Matrix3.zero
  /// m/s².
  public var accelerometerBias: Vector3
  /// m/s²/√Hz.
  public var accelerometerNoise: Double
  public var accelerometerScale: Vector3
  /// Off the diagonal; above it, since the accelerometer's x axis defines the unit's.
  public var accelerometerMisalignment = Matrix3.zero
  /// Seconds, one standard deviation, of the moment of sampling against its stamp.
  public var timestampJitter: Double

  public static let none = InertialErrors(
    gyroscopeBias: .zero, gyroscopeNoise: 0, gyroscopeScale: .zero, accelerometerBias: .zero,
    accelerometerNoise: 0, accelerometerScale: .zero, timestampJitter: 0)

  /// A consumer unit after factory calibration: residual bias of 0.3 °/s, 0.007 °/s/√Hz and 0.3 % scale, in the
  /// range that data sheets of the MPU-6500 and ICM-20602 give once their offset is trimmed.
  public static func consumer(seed: UInt64) -> InertialErrors {
    var random = SeededRandom(seed: seed)
    let degree = Double.pi / 180
    func direction() -> Vector3 { random.gaussian3().normalized ?? Vector3(1, 0, 0) }
    return InertialErrors(
      gyroscopeBias: direction() * (0.3 * degree),
      gyroscopeNoise: 0.007 * degree,
      gyroscopeScale: direction() * 0.003,
      accelerometerBias: direction() * 0.03,
      accelerometerNoise: 0.0012,
      accelerometerScale: direction() * 0.002,
      timestampJitter: 5e-6)
  }

  /// A unit that was never calibrated: 2 °/s of bias, 1 % of scale, half a degree between axes, 0.25 m/s².
  public static func uncalibrated(seed: UInt64) -> InertialErrors {
    var errors = consumer(seed: seed)
    var random = SeededRandom(seed: seed &+ 1)
    func direction() -> Vector3 { random.gaussian3().normalized ?? Vector3(1, 0, 0) }
    errors.gyroscopeBias = direction() * (2 * Double.pi / 180)
    errors.gyroscopeScale = direction() * 0.01
    errors.accelerometerBias = direction() * 0.25
    errors.accelerometerScale = direction() * 0.01
    let (a, b) = (direction() * 0.008, direction() * 0.008)
    errors.gyroscopeMisalignment = Matrix3(Vector3(0, a.x, a.y), Vector3(a.z, 0, b.x), Vector3(b.y, b.z, 0))
    let c = direction() * 0.008
    errors.accelerometerMisalignment = Matrix3(Vector3(0, c.x, c.y), Vector3(0, 0, c.z), .zero)
    return errors
  }

  func apply(
    rate: Vector3, force: Vector3, sampleRate: Double, random: inout SeededRandom
  ) -> (rate: Vector3, force: Vector3) {
    // White noise of density d sampled at f has deviation d·√(f/2).
    let root = (sampleRate / 2).squareRoot()
    return (
      rate + rate * gyroscopeScale + gyroscopeMisalignment * rate + gyroscopeBias + random.gaussian3()
        * (gyroscopeNoise * root),
      force + force * accelerometerScale + accelerometerMisalignment * force + accelerometerBias
        + random.gaussian3()
        * (accelerometerNoise * root)
    )
  }
}
