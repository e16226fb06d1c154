public import Diagnostics

/// A protocol of another program that cannot be served.
public struct InteropError: CodedError, Sendable, Equatable {
  public enum Cause: String, Sendable {
    /// An address that is not HOST:PORT, or whose host is unknown.
    case address = "interop-address-invalid"
    /// The address cannot be bound or connected.
    case unavailable = "interop-address-unavailable"
    /// The address is reachable from other machines, which the configuration does not allow.
    case exposed = "interop-address-exposed"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
