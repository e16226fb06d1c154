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
    /// The file is neither pcapng nor pcap.
    case format = "capture-format"
    /// The capture holds no USB transfers.
    case empty = "capture-empty"
    /// The capture began after its devices were plugged in: it lacks their descriptors.
    case unidentified = "capture-unidentified"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}

/// Why a recording of another tool does not become a session.
public struct ImportError: CodedError {
  public enum Cause: String, Sendable, CaseIterable {
    /// Every report has another length, format or checksum than its description.
    case undecoded = "import-undecoded"
    /// The configuration file of `--config` can't be used.
    case configuration = "import-configuration-invalid"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
