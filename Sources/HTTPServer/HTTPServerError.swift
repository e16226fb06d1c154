import Admission
public import Diagnostics
import Glibc
import NIOCore

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

  /// Returns the error for an address that can't be listened on, with the owner of a port that is taken.
  ///
  /// - Parameters:
  ///   - service: what can't be served, such as "HTTP".
  ///   - setting: the option or the key of the configuration that chooses the address.
  public static func unavailable(
    _ service: String, _ address: HTTPServerOptions.Address, _ error: any Error, setting: String
  ) -> HTTPServerError {
    let reason: String
    switch (address, error as? IOError) {
    case (.network(let host, let port), let error?):
      reason = ListenProblem.text(error.errnoCode, host: host, port: port, .tcp, setting: setting)
    case (.unix, let error?):
      reason = "\(String(cString: strerror(error.errnoCode))); choose another path with \(setting)"
    case (.network, nil):
      reason = "\(error.reason); choose the name or address of an interface of this machine with \(setting)"
    case (.unix(let path), nil):
      reason =
        path.utf8.count > 107
        ? "the path has \(path.utf8.count) bytes, at most 107 are possible; choose a shorter one with \(setting)"
        : "\(error.reason); choose another path with \(setting)"
    }
    return HTTPServerError(.address, "\(service) can't be served at \(address.text): \(reason)")
  }
}
