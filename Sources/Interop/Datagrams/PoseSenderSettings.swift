import Settings
import StrictYAML

/// A destination of datagrams: `interop: opentrack:`, `vrchat:` or `vmc:` in the configuration.
public struct PoseSenderSettings: Sendable, Equatable {
  public var format: PoseSender.Format
  /// `HOST:PORT`.
  public var target: String
  /// Datagrams per second.
  public var rate: Double

  /// Creates the settings of a format: the port where its program listens by default, and its usual rate.
  public init(_ format: PoseSender.Format) {
    self.format = format
    (target, rate) = format.standard
  }
}

extension PoseSenderSettings: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey("target", \.target, .text, "`HOST:PORT`"),
    SettingKey("rate_hz", \.rate, .number(1...1000), "datagrams per second"),
  ]
}
