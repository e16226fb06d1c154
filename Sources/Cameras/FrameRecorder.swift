import Spatial

/// Receives the frames of local cameras for a session log.
public protocol FrameRecorder: Sendable {
  /// Whether frames are recorded now. Frames are encoded only then.
  var recordsFrames: Bool { get }

  /// - Parameter time: when the frame with these intrinsics was received.
  func record(_ model: CameraModel, of camera: String, at time: Timestamp)

  /// - Parameter jpeg: the encoded image.
  func record(_ frame: CameraFrame, jpeg: [UInt8])
}
