import Diagnostics

/// An error of loading or running a model.
public struct InferenceError: CodedError, Sendable {
  public enum Kind: String, Sendable {
    /// The runtime library is missing, or the server does not respond.
    case unavailable = "inference-unavailable"
    /// The model cannot be used: unreadable, refused, or with unexpected tensors.
    case model = "model-unreadable"
    /// The request does not fit the model.
    case input = "inference-input-invalid"
    /// The runtime failed while it ran the model.
    case failed = "inference-failed"
    /// The deadline passed, or the queue was full.
    case late = "inference-timeout"
    /// The registry has no such model or version.
    case notFound = "model-not-found"
  }

  public var kind: Kind
  public var description: String

  public var code: String { kind.rawValue }

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
