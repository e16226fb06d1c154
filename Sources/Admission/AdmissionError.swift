public import Diagnostics

/// A connection is refused because of the number of others.
public struct AdmissionError: CodedError, Sendable, Equatable {
  /// The listener has reached its limit of clients, in total or of one user or machine.
  public let code = "too-many-clients"
  public let description: String

  public init(_ description: String) { self.description = description }
}
