public import Sensing

/// The settings of a recording.
public struct RecordingPlan: Sendable, Equatable {
  /// Absolute path. A split recording adds `-001`, `-002`, … before the extension.
  public var path: String
  public var streams: Set<RecordedStream>
  /// Seconds; nil to record until it is stopped.
  public var duration: Double?
  /// Limit in bytes of all files together.
  public var maximumSize: UInt64?
  /// Size in bytes at which the next file begins.
  public var splitSize: UInt64?
  /// Seconds after which the next file begins.
  public var splitTime: Double?
  /// Capacity of the recorder's queue, bytes.
  public var buffer = 32 << 20

  public init(path: String, streams: Set<RecordedStream> = RecordedStream.standard) {
    self.path = path
    self.streams = streams.union([.reports])
  }

  package var isSplit: Bool { splitSize != nil || splitTime != nil }

  /// Returns the path of one file, counted from 1.
  package func file(_ number: Int) -> String {
    guard isSplit else { return path }
    let digits = String(number)
    let count = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    guard path.hasSuffix(".mcap") else { return "\(path)-\(count)" }
    return "\(path.dropLast(5))-\(count).mcap"
  }
}
