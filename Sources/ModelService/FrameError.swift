import Diagnostics

/// A submitted frame is rejected.
struct FrameError: CodedError, Sendable, Equatable {
  enum Cause: String, Sendable {
    /// The body is no JPEG, or a parameter of the frame is invalid
    case invalid = "frame-invalid"
    /// Clients have named as many cameras as are served
    case camerasFull = "frame-cameras-full"
  }

  var cause: Cause
  var description: String
  var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
