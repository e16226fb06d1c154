import MCAP
import Sensing

/// A record that enters a session beside the tracking thread's: a frame, audio, an annotation, a log line.
///
/// One type per kind: `FrameRecord`, `IntrinsicsRecord`, `AudioRecord`, `AnnotationRecord`, `PromptRecord`,
/// `LogRecord`, `WrittenReportRecord` and `TransitionRecord`.
public protocol QueuedRecord: Sendable {
  /// The stream that a recording must include for the record to be kept.
  var stream: RecordedStream { get }
  /// Approximate size in bytes, which bounds the recorder's queue.
  var byteCount: Int { get }
  /// Writes the record to the open file of a recording.
  func write(to file: RecordingFile) throws(OutputError)
}
