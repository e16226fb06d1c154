public import Diagnostics

/// A request to a confined process has no result.
public struct SandboxError: CodedError, Sendable, Equatable {
  public enum Cause: String, Sendable, CaseIterable {
    /// The process cannot be started.
    case unavailable = "sandbox-unavailable"
    /// The kernel cannot confine the process, and the configuration requires it.
    case unconfined = "sandbox-unconfined"
    /// The process failed repeatedly and is started again later.
    case restarting = "sandbox-restarting"
    /// Too many requests wait.
    case busy = "sandbox-busy"
    /// The request is larger than the shared memory.
    case tooLarge = "sandbox-request-too-large"
    /// The time limit passed; the process was killed.
    case timeout = "sandbox-timeout"
    /// The process ended during the request.
    case ended = "sandbox-ended"
    /// The process sent an invalid answer and was killed.
    case answerInvalid = "sandbox-answer-invalid"
    /// The process answered that the request cannot be fulfilled.
    case refused = "sandbox-refused"
  }

  public var cause: Cause
  public var description: String
  /// For `refused`: the code of the error in the process, which that process chooses. For `ended`: how it ended.
  public var detail = ""

  public init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }

  public var code: String { cause.rawValue }
}
