import Sensing
import Spatial

/// A pose or a position as cameras, base stations or trackers measure it: late, and perhaps out of order.
public struct PoseMeasurement: Sendable {
  /// When it was true, not when it came.
  public var captured: Timestamp
  /// Metres, world axes: position of the measured point.
  public var position: Vector3
  /// Metres, one standard deviation of each component.
  public var positionNoise: Double
  /// World from unit; nil when only the position is measured.
  public var orientation: Quaternion?
  /// rad, one standard deviation about each axis.
  public var orientationNoise: Double
  /// Metres: the measured point in the unit's axes.
  public var point: Vector3

  public init(
    captured: Timestamp, position: Vector3, positionNoise: Double, orientation: Quaternion? = nil,
    orientationNoise: Double = 0.01, point: Vector3 = .zero
  ) {
    self.captured = captured
    self.position = position
    self.positionNoise = positionNoise
    self.orientation = orientation
    self.orientationNoise = orientationNoise
    self.point = point
  }

  /// m: farther away nothing is measured that moves with a person.
  public static let farthest = 10_000.0
  /// m and rad, one standard deviation: a value outside is a mistake in units.
  public static let noiseRange = 1e-6...10.0

  /// Finite, within those bounds, and turned by a quaternion of unit length (to one part in a hundred).
  public var isUsable: Bool {
    position.isFinite && point.isFinite && position.length < Self.farthest && point.length < Self.farthest
      && Self.noiseRange.contains(positionNoise) && Self.noiseRange.contains(orientationNoise)
      && (orientation?.isUnit ?? true)
  }

  /// The same measurement in the axes of the IMU instead of the device.
  func inUnit(_ deviceFromUnit: Pose) -> PoseMeasurement {
    var measurement = self
    measurement.orientation = orientation.map { ($0 * deviceFromUnit.orientation).normalized }
    measurement.point = deviceFromUnit.orientation.conjugate.rotate(point - deviceFromUnit.position)
    return measurement
  }

  /// For one that is about to be taken in.
  static var empty: PoseMeasurement {
    PoseMeasurement(captured: Timestamp(nanoseconds: 0), position: .zero, positionNoise: 1)
  }

  mutating func archive(_ archive: StateArchive) {
    archive.code(&captured)
    archive.code(&position)
    archive.code(&positionNoise)
    archive.code(&orientation, empty: .identity) { archive.code(&$0) }
    archive.code(&orientationNoise)
    archive.code(&point)
  }
}
