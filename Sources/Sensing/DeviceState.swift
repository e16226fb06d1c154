/// Where a device is on its way from the bus to poses and back.
public enum DeviceState: UInt8, Sendable, Hashable, CaseIterable {
  /// Seen on the bus.
  case found = 1
  /// Can't be opened now: another program holds it, or a rule is missing. Tried again by itself.
  case blocked = 2
  case opening = 3
  /// Open; its configuration is read and it is switched on.
  case initialising = 4
  /// Sends what it should.
  case streaming = 5
  /// Sends nothing, or reports that can't be right.
  case degraded = 6
  /// Unplugged or switched off; number, role and what was learned are kept.
  case lost = 7

  public var name: String { String(describing: self) }
}
