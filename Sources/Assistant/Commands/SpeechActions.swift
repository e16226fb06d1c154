import Sensing
import Spatial

/// The effects that commands have on the bridge, each the same as a client's request. `CommandExecutor` checks the rights.
package struct SpeechActions: Sendable {
  package var recenter: @Sendable () -> Void
  /// Starts a recording and returns its path.
  package var startRecording: @Sendable () throws -> String
  package var stopRecording: @Sendable () -> Void
  /// Returns the pose of the head at a time, world frame; nil where none is tracked.
  package var head: @Sendable (Timestamp) -> Pose?
  /// Returns a region of a camera's latest frame, or the whole latest frame, as JPEG; empty without a frame.
  package var picture: @Sendable (Annotation.Region?) -> [UInt8]
  package var publish: @Sendable ([Annotation]) -> Void
  /// Records the text that was sent to the language model, where a session is recorded.
  package var recordPrompt: @Sendable (String, Timestamp) -> Void

  package init(
    recenter: @escaping @Sendable () -> Void, startRecording: @escaping @Sendable () throws -> String,
    stopRecording: @escaping @Sendable () -> Void, head: @escaping @Sendable (Timestamp) -> Pose?,
    picture: @escaping @Sendable (Annotation.Region?) -> [UInt8],
    publish: @escaping @Sendable ([Annotation]) -> Void,
    recordPrompt: @escaping @Sendable (String, Timestamp) -> Void
  ) {
    self.recenter = recenter
    self.startRecording = startRecording
    self.stopRecording = stopRecording
    self.head = head
    self.picture = picture
    self.publish = publish
    self.recordPrompt = recordPrompt
  }
}
