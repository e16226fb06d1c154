import Foundation
import Sensing
import Spatial

/// What may be done by voice, in the same ways as by a client.
struct SpeechActions: Sendable {
  var recenter: @Sendable () -> Void
  /// Returns what is wrong, or the file.
  var startRecording: @Sendable () -> Result<String, RecordingFault>
  var stopRecording: @Sendable () -> Void
  /// Pose of the head at a time.
  var head: @Sendable (Timestamp) -> Pose?
  /// What is in a region of a camera's last frame, or the whole last frame, as JPEG; empty when there is none.
  var picture: @Sendable (Annotation.Region?) -> [UInt8]
  var publish: @Sendable ([Annotation]) -> Void
  /// Exactly what was sent to a language model, for the session that is recorded.
  var recordPrompt: @Sendable (String, Timestamp) -> Void
}
