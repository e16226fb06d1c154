import Spatial

/// Corrects one three-axis sensor: corrected = matrix · raw − offset.
public struct AffineCorrection: Sendable, Hashable {
  public var matrix: Matrix3
  /// In the unit of the quantity.
  public var offset: Vector3

  public init(matrix: Matrix3 = .identity, offset: Vector3 = .zero) {
    self.matrix = matrix
    self.offset = offset
  }

  public static let identity = AffineCorrection()

  @inlinable
  public func callAsFunction(_ raw: Vector3) -> Vector3 { matrix * raw - offset }

  public var isFinite: Bool {
    offset.isFinite && matrix.row0.isFinite && matrix.row1.isFinite && matrix.row2.isFinite
  }

  /// The same correction for readings whose axes were turned by `turn` (rows of a rotation).
  public func turned(by turn: Matrix3) -> AffineCorrection {
    AffineCorrection(matrix: turn * matrix * turn.transposed, offset: turn * offset)
  }
}

/// The calibration of one IMU beyond its nominal scale, in OpenXR axes, SI units.
public struct InertialCalibration: Sendable, Hashable {
  public enum Source: String, Sendable {
    /// Nominal scale only.
    case nominal
    /// Measured on other units of the model.
    case model
    /// The device corrects its readings itself.
    case onDevice = "on_device"
    /// Stored by the manufacturer, read from the device.
    case factory
    /// Measured on this unit with `vrbridge calibrate`.
    case user
  }
  public var gyroscope: AffineCorrection
  public var accelerometer: AffineCorrection
  /// To µT; nil while it is not calibrated: the device's own contribution to the field is then unknown.
  public var magnetometer: AffineCorrection?
  /// Change of the gyroscope's bias with temperature, rad/s per °C.
  public var gyroscopePerDegree: Vector3
  /// °C at which the offsets hold.
  public var referenceTemperature: Double
  /// Pose of the IMU in the device: published poses are those of the head or hand, not of the chip.
  public var deviceFromUnit: Pose
  public var source: Source

  public init(
    gyroscope: AffineCorrection = .identity, accelerometer: AffineCorrection = .identity,
    magnetometer: AffineCorrection? = nil, gyroscopePerDegree: Vector3 = .zero,
    referenceTemperature: Double = 25, deviceFromUnit: Pose = .identity, source: Source = .nominal
  ) {
    self.gyroscope = gyroscope
    self.accelerometer = accelerometer
    self.magnetometer = magnetometer
    self.gyroscopePerDegree = gyroscopePerDegree
    self.referenceTemperature = referenceTemperature
    self.deviceFromUnit = deviceFromUnit
    self.source = source
  }

  /// rad/s, corrected. Without a temperature its correction is omitted.
  @inlinable
  public func angularVelocity(_ sample: InertialSample) -> Vector3 {
    let rate = gyroscope(sample.angularVelocity)
    guard let temperature = sample.temperature else { return rate }
    return rate - gyroscopePerDegree * (temperature - referenceTemperature)
  }

  /// m/s², corrected.
  @inlinable
  public func specificForce(_ sample: InertialSample) -> Vector3 { accelerometer(sample.specificForce) }

  /// µT, corrected; nil without a calibrated magnetometer.
  @inlinable
  public func magneticField(_ sample: InertialSample) -> Vector3? {
    guard let magnetometer, let field = sample.magneticField else { return nil }
    return magnetometer(field)
  }
}
