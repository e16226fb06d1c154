/// One button, axis or touch of a device, with its OpenXR name.
public struct Control: Sendable, Hashable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// 0 or 1.
    case button = 0
    /// 0 or 1, skin contact.
    case touch = 1
    /// 0...1.
    case trigger = 2
    /// −1...1.
    case axis = 3

    public var name: String {
      switch self {
      case .button: "button"
      case .touch: "touch"
      case .trigger: "trigger"
      case .axis: "axis"
      }
    }
  }

  /// Below the user path of the device's role, for example `/input/trigger/value`.
  public var path: String
  public var kind: Kind

  public init(path: String, kind: Kind) {
    self.path = path
    self.kind = kind
  }
}

/// Battery level and charging as the device reports them.
public struct BatteryState: Sendable, Hashable {
  /// 0...1.
  public var level: Float
  public var isCharging: Bool

  public init(level: Float, isCharging: Bool) {
    self.level = level
    self.isCharging = isCharging
  }
}
