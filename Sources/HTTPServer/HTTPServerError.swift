public import Diagnostics

/// An HTTP or WebSocket server can't be started.
public struct HTTPServerError: CodedError, Sendable, Equatable {
  public enum Cause: String, Sendable {
    /// The address needs a certificate and tokens, or is of a kind that the server does not take.
    case configuration = "http-configuration-invalid"
    /// The address can't be listened on.
    case address = "http-address-unavailable"
    /// Certificate or key can't be used.
    case certificate = "http-certificate-invalid"
    /// A file that the server serves is missing.
    case file = "http-file-missing"
  }

  public var cause: Cause
  public var description: String
  public var code: String { cause.rawValue }

  public init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
