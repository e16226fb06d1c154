import Diagnostics

/// Why the bridge could not start.
public struct StartError: CodedError {
  public let code: String
  public let description: String

  init(_ code: String, _ description: String) {
    self.code = code
    self.description = description
  }

  /// Returns the error for a process that has no free file descriptor.
  static func noDescriptors(_ part: String) -> StartError {
    StartError(
      "no-file-descriptors",
      "no file descriptors are left for the \(part); raise the limit of open files (LimitNOFILE, ulimit -n)")
  }
}
