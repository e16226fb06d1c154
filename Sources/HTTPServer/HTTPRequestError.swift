public import Diagnostics

/// An HTTP request is refused.
public struct HTTPRequestError: CodedError, Sendable, Equatable {
  public enum Cause: String, Sendable {
    /// The request comes from another site's page, or uses a host name that is not admitted
    case originRefused = "http-origin-refused"
    /// Nothing is served at the address
    case notFound = "http-not-found"
    /// The address takes another method
    case methodNotAllowed = "http-method-not-allowed"
    /// The body is larger than the configuration allows
    case bodyTooLarge = "http-body-too-large"
    /// The bodies of other requests use all memory for bodies
    case bodiesInUse = "http-bodies-in-use"
    /// The request ended before its body was complete
    case bodyIncomplete = "http-body-incomplete"
    /// The body has a `Content-Encoding` that is not decoded
    case encodingUnsupported = "http-encoding-unsupported"
    /// The body is not what its `Content-Encoding` names
    case encodingInvalid = "http-encoding-invalid"
    /// More requests a second arrive than the configuration allows
    case tooManyRequests = "http-too-many-requests"
    /// The answer holds a number that JSON can't represent
    case answerNotFinite = "http-answer-not-finite"
  }

  public var cause: Cause
  public var description: String
  public var code: String { cause.rawValue }

  public init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
