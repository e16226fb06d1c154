import MCAP
import Spatial

/// The records of the tracking thread on their way into a session.
///
/// The recorder depends on this protocol alone, so that it needs nothing of the tracking pipeline. The functions run on
/// the recorder's thread; the properties may be read on any.
package protocol RecordSource: AnyObject, Sendable {
  /// Whether no record follows those that wait.
  var isClosed: Bool { get }
  /// Bytes that wait.
  var queuedBytes: Int { get }
  /// Records that found no room in the queue.
  var dropped: UInt64 { get }
  /// Writes all waiting records to the recorder's open file, and discards them when it has none.
  func drain(into recorder: Recorder) throws(OutputError)
  /// Writes the statistics of every device.
  func writeStatistics(to file: RecordingFile, at time: Timestamp) throws(OutputError)
}
