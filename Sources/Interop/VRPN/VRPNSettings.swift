import Settings
import StrictYAML

/// The VRPN server: `interop: vrpn:` in the configuration.
public struct VRPNSettings: Sendable, Equatable {
  /// `HOST:PORT`.
  public var address = "127.0.0.1:3883"
  /// Whether other machines may connect; VRPN has no authentication.
  public var isOpen = false
  /// Poses per second and device.
  public var rate = 100.0
  /// Whether devices without a position are sent, at the origin.
  public var sendsOrientationOnly = false

  static let key = "vrpn"

  public init() {}
}

extension VRPNSettings: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey("address", \.address, .text, "`HOST:PORT`"),
    SettingKey("open", \.isOpen, .boolean, "other machines may connect"),
    SettingKey("rate_hz", \.rate, .number(1...1000), "poses per second and device"),
    SettingKey(
      "orientation_only", \.sendsOrientationOnly, .boolean,
      "devices without a position are sent, at the origin"),
  ]
}
