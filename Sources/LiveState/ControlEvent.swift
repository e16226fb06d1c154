public import Sensing
public import Spatial

/// A button, trigger or axis that changed.
public struct ControlEvent: Sendable, Hashable {
  public var device: DeviceID
  public var role: DeviceRole
  /// As in the device's description: `/input/trigger/value`.
  public var path: String
  /// Buttons 0 or 1, triggers 0 to 1, axes -1 to 1.
  public var value: Double
  public var time: Timestamp

  public init(device: DeviceID, role: DeviceRole, path: String, value: Double, time: Timestamp) {
    self.device = device
    self.role = role
    self.path = path
    self.value = value
    self.time = time
  }

  /// The event of the control with an index in the device's list; nil for an index that the device lacks.
  public init?(of device: DeviceStatus, index: Int, value: Double, time: Timestamp) {
    guard device.controls.indices.contains(index) else { return nil }
    self.init(
      device: device.id, role: device.role, path: device.controls[index].path, value: value, time: time)
  }
}
