import Spatial

/// A light sensor of a tracked object, as the maker measured it.
public struct OpticalSensor: Sendable, Hashable {
  /// Place in the device's list of sensors; `OpticalSample.sensor`.
  public var sensor: UInt16
  /// Metres, in the device's frame.
  public var position: Vector3
  /// Where it looks: length 1, in the device's frame.
  public var normal: Vector3

  public init(sensor: UInt16, position: Vector3, normal: Vector3) {
    self.sensor = sensor
    self.position = position
    self.normal = normal
  }
}
