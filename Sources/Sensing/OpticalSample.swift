import Spatial

/// Light of a base station, timed by a tracked object.
public struct OpticalSample: Sendable, Hashable {
  public enum Kind: String, Sendable {
    /// A sensor was lit for a time: flash or sweep of a first-generation station, distinguished by its length.
    case pulse
    /// A second-generation station began a rotation; no sensor detected it.
    case sync
    /// A sensor was swept by a second-generation station.
    case sweep
  }
  public var kind: Kind
  /// When its bytes were read.
  public var received: Timestamp
  /// Index in the device's list of sensors; nil for a sync.
  public var sensor: UInt16?
  /// Ticks of the device's counter at which the light began, not unwrapped.
  public var ticks: UInt64
  /// Ticks that a pulse lasted, 0 for the others.
  public var length: UInt32
  /// Ticks per second.
  public var rate: Double
  /// Channel of a second-generation station, 0 to 15.
  public var channel: UInt8?
  /// The bit of the station's own data that a sync carries.
  public var bit: Bool?

  public init(
    _ kind: Kind = .pulse, received: Timestamp, sensor: UInt16?, ticks: UInt64, length: UInt32 = 0,
    rate: Double, channel: UInt8? = nil, bit: Bool? = nil
  ) {
    self.kind = kind
    self.received = received
    self.sensor = sensor
    self.ticks = ticks
    self.length = length
    self.rate = rate
    self.channel = channel
    self.bit = bit
  }
}
