import Sensing
import Spatial

/// Splits the raw reports of a driver's part into virtual reports, which its description decodes.
///
/// Runs on the tracking thread: a report costs no allocation, no lock and no system call. Used by one thread at a time.
protocol ReportSplitter: AnyObject {
  /// Takes the index of a virtual report in `DeviceDriver.virtualReports` and its bytes, which are valid during the call.
  typealias Emit = (Int, UnsafeRawBufferPointer) throws(DecodeError) -> DecodeOutcome

  /// Whether the other end of the radio link is on.
  var isLinked: Bool { get set }

  /// Splits one report. Optical samples and changes of the link go to the batch without a virtual report.
  ///
  /// - Parameters:
  ///   - report: as read from the interface, the id first; at least one byte.
  ///   - received: the time of the reading.
  /// - Throws: for a report that ends too early or is malformed, and what `emit` throws.
  func split(
    _ report: UnsafeRawBufferPointer, received: Timestamp, into batch: SampleBatch, emit: Emit
  ) throws(DecodeError) -> DecodeOutcome

  /// Codes the state that outlives a report.
  func archive(_ archive: StateArchive)
}
