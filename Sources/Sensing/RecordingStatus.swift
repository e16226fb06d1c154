/// Progress of a recording, or the result of one that has ended.
public struct RecordingStatus: Sendable, Equatable {
  public var path = ""
  public var isRunning = false
  /// Bytes of all files.
  public var bytes: UInt64 = 0
  public var messages: UInt64 = 0
  /// Duration in seconds.
  public var seconds = 0.0
  /// Records that found the queue full.
  public var dropped: UInt64 = 0
  /// Bytes that wait for the disk, and the most that ever waited.
  public var queued = 0
  public var mostQueued = 0
  /// Bytes that are free in the file system.
  public var free: UInt64 = 0
  public var files = 0
  /// Why the recording ended before it was stopped; nil for an orderly end.
  public var failure: String?

  public init() {}
}
