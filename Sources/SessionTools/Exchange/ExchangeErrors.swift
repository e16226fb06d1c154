import Diagnostics

/// Why a EuRoC folder can't be imported.
public struct EuRoCError: CodedError {
  public enum Cause: String, Sendable, CaseIterable {
    /// A file of the folder can't be read.
    case unreadable = "euroc-unreadable"
    /// A line of a table does not follow the format.
    case malformed = "euroc-malformed"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}

/// Why a capture of USB traffic can't be imported.
public struct PacketCaptureError: CodedError {
  public enum Cause: String, Sendable, CaseIterable {
    /// The file can't be opened.
    case unreadable = "capture-unreadable"
    /// The capture is larger than the reader allows.
    case tooLarge = "capture-too-large"
    /// The file has another format than pcapng.
    case format = "capture-format"
    /// The capture holds no USB transfers.
    case empty = "capture-empty"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
