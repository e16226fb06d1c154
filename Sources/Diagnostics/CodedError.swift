/// An error that a person or a program can act on.
///
/// The description names the input, the cause and the remedy. The code stays the same from release to release and is
/// shown alike by the command line, the socket, HTTP and the log; `docs/reference/errors.md` lists all codes.
public protocol CodedError: Error, CustomStringConvertible {
  /// Lower-case words joined by hyphens, such as `session-truncated`.
  var code: String { get }
}

extension CodedError {
  /// The description followed by the code in brackets, as the command line and the log print it.
  public var message: String { "\(description) [\(code)]" }
}

extension Error {
  /// The text to print for any error: with its code where it has one.
  public var printed: String { (self as? any CodedError)?.message ?? reason }
}
