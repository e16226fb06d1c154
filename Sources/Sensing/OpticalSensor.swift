import Spatial

/// A light sensor of a tracked object, as the manufacturer measured it.
public struct OpticalSensor: Sendable, Hashable {
  /// Index in the device's list of sensors, as in `OpticalSample.sensor`.
  public var sensor: UInt16
  /// Metres, in the device's frame.
  public var position: Vector3
  /// Outward normal: length 1, in the device's frame.
  public var normal: Vector3

  public init(sensor: UInt16, position: Vector3, normal: Vector3) {
    self.sensor = sensor
    self.position = position
    self.normal = normal
  }
}
