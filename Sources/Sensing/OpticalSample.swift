import Spatial

/// Light that one sensor of a tracked object saw, as the device timed it.
public struct OpticalSample: Sendable, Hashable {
  /// When the bytes that hold it were read.
  public var received: Timestamp
  /// Place in the device's list of sensors.
  public var sensor: UInt16
  /// Ticks of the device's counter at which the light began, not unwrapped.
  public var ticks: UInt64
  /// Ticks that it lasted.
  public var length: UInt32
  /// Ticks per second.
  public var rate: Double

  public init(received: Timestamp, sensor: UInt16, ticks: UInt64, length: UInt32, rate: Double) {
    self.received = received
    self.sensor = sensor
    self.ticks = ticks
    self.length = length
    self.rate = rate
  }
}
