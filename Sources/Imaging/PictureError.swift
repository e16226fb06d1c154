public import Diagnostics

/// An image can't be decoded or encoded.
public struct PictureError: CodedError, Sendable {
  public enum Cause: String, Sendable, CaseIterable {
    /// The bytes are no usable picture, or the picture is too large.
    case invalid = "picture-invalid"
    /// Decoding exceeded its time limit.
    case timeout = "picture-timeout"
    /// The process that decodes pictures failed.
    case decoderFailed = "picture-decoder-failed"
    /// Too many pictures wait to be decoded.
    case decoderBusy = "picture-decoder-busy"
  }

  public var cause: Cause
  public var description: String
  public var code: String { cause.rawValue }

  public init(_ cause: Cause = .invalid, description: String) {
    self.cause = cause
    self.description = description
  }
}
