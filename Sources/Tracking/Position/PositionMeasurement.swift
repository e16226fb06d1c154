import Spatial

/// A pose or a place as cameras, base stations or trackers measure it: late, and perhaps out of order.
public struct PositionMeasurement: Sendable {
  /// When it was true, not when it came.
  public var captured: Timestamp
  /// Metres, world axes: place of the measured point.
  public var position: Vector3
  /// Metres, one standard deviation of each component.
  public var positionNoise: Double
  /// World from unit; nil when only the place is measured.
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

  public var isFinite: Bool {
    position.isFinite && point.isFinite && positionNoise > 0 && positionNoise.isFinite && orientationNoise > 0
      && orientationNoise.isFinite && (orientation?.isFinite ?? true)
  }
}
