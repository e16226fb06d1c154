import Sensing

/// A kind of limitation of a device that streams, in the order of display.
enum DeviceLimitation: Int, Sendable {
  /// A sensor reports an error.
  case sensor
  /// Its clock can't be used.
  case clock
  /// It sends only reports without motion.
  case simpleReports
  /// Its reports have no checksum.
  case checksum
}
