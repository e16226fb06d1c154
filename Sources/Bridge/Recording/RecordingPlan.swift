/// What a recording takes in.
public enum RecordedStream: String, Sendable, CaseIterable {
  /// Every report, which a replay needs. Always recorded.
  case reports
  case states
  case controls
  case figures
  case log
  case annotations
  case camera
  case microphone

  /// Cameras and microphones see more than devices: they are off unless asked for.
  public static let standard = Set(allCases).subtracting([.camera, .microphone])
}

/// A recording to be made.
public struct RecordingPlan: Sendable, Equatable {
  /// Absolute. A split recording has `-001`, `-002`, … before the ending.
  public var path: String
  public var streams: Set<RecordedStream>
  /// Seconds; nil: until it is stopped.
  public var duration: Double?
  /// Bytes of all files together.
  public var maximumSize: UInt64?
  /// Bytes of each file.
  public var splitSize: UInt64?
  /// Seconds of each file.
  public var splitTime: Double?
  /// Bytes that wait at most for a disk that does not keep up.
  public var buffer = 32 << 20

  public init(path: String, streams: Set<RecordedStream> = RecordedStream.standard) {
    self.path = path
    self.streams = streams.union([.reports])
  }

  var isSplit: Bool { splitSize != nil || splitTime != nil }

  /// The name of one file, counted from 1.
  func file(_ number: Int) -> String {
    guard isSplit else { return path }
    let digits = String(number)
    let count = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    guard path.hasSuffix(".mcap") else { return "\(path)-\(count)" }
    return "\(path.dropLast(5))-\(count).mcap"
  }
}

/// How a recording goes.
public struct RecordingStatus: Sendable, Equatable {
  public var path = ""
  public var isRunning = false
  /// Of all files.
  public var bytes: UInt64 = 0
  public var messages: UInt64 = 0
  public var seconds = 0.0
  /// Records that found no room.
  public var dropped: UInt64 = 0
  /// Bytes that wait, and the most that ever did.
  public var queued = 0
  public var mostQueued = 0
  /// Bytes that the file system has left.
  public var free: UInt64 = 0
  public var files = 0
  /// Why it ended before it was asked to.
  public var failure: String?
}
