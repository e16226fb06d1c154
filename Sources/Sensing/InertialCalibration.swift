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

/// What is known of one inertial unit beyond its nominal scale, in OpenXR axes, SI units.
public struct InertialCalibration: Sendable, Hashable {
  public enum Source: String, Sendable {
    /// Nominal scale only.
    case nominal
    /// The device corrects its readings itself.
    case onDevice = "on_device"
    /// Written by the maker, read from the device.
    case factory
  }
  public var gyroscope: AffineCorrection
  public var accelerometer: AffineCorrection
  public var source: Source

  public init(
    gyroscope: AffineCorrection = .identity, accelerometer: AffineCorrection = .identity,
    source: Source = .nominal
  ) {
    self.gyroscope = gyroscope
    self.accelerometer = accelerometer
    self.source = source
  }
}
