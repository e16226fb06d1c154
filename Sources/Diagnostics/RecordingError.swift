/// Why a recording can't be started, written or read: sessions and recordings in the format of hid-recorder.
public struct RecordingError: CodedError, Equatable {
  public enum Cause: String, Sendable, CaseIterable {
    /// The file can't be opened or is larger than the reader allows.
    case unreadable = "recording-unreadable"
    /// A line of a hid-recorder file does not follow the format.
    case malformed = "recording-malformed"
    /// A hid-recorder file holds no device.
    case empty = "recording-empty"
    /// The file can't be made or written.
    case unwritable = "recording-unwritable"
    /// The path of a session to record is not absolute.
    case relativePath = "recording-path-relative"
    /// Another recording runs.
    case alreadyRunning = "recording-already-running"
    /// There is no memory for the recorder's queue.
    case outOfMemory = "recording-out-of-memory"
    /// The tracking loop has ended.
    case trackingEnded = "recording-tracking-ended"
  }

  public var cause: Cause
  /// The path; empty when the problem names it.
  public var file: String
  /// Counted from 1; 0 without a position in the file.
  public var line: Int
  public var column: Int
  public var problem: String

  public init(_ cause: Cause, file: String = "", line: Int = 0, column: Int = 0, problem: String) {
    self.cause = cause
    self.file = file
    self.line = line
    self.column = column
    self.problem = problem
  }

  public var code: String { cause.rawValue }

  public var description: String {
    if line > 0 { return "\(file):\(line):\(column): \(problem)" }
    return file.isEmpty ? problem : "\(file): \(problem)"
  }
}
