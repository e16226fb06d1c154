/// The state of a device between its discovery and its loss.
public enum DeviceState: UInt8, Sendable, Hashable, CaseIterable {
  /// Reported by the bus.
  case found = 1
  /// Can't be opened now: another program holds it, or a udev rule is missing. Retried automatically.
  case blocked = 2
  case opening = 3
  /// Open; its configuration is read and it is switched on.
  case initialising = 4
  /// Sends valid reports.
  case streaming = 5
  /// Sends invalid reports, or none, or is limited as the reason says.
  case degraded = 6
  /// Unplugged or switched off; id, role and calibration state are kept.
  case lost = 7

  public var name: String { String(describing: self) }
}
