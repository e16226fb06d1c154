import Diagnostics

/// A submitted frame is rejected.
package struct FrameError: CodedError, Sendable, Equatable {
  package enum Cause: String, Sendable {
    /// The body is no frame of its format, or a parameter of the frame is invalid
    case invalid = "frame-invalid"
    /// As many cameras of clients, or of this client, are in use as are served
    case camerasFull = "frame-cameras-full"
  }

  package var cause: Cause
  package var description: String
  package var code: String { cause.rawValue }

  package init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
