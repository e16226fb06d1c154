import Sensing
import Tracking

/// The state of one device's decoding and tracking, taken between two reports.
///
/// Copying the tracker only counts references; the recorder's thread converts its contents to words.
package struct DeviceSnapshot: Sendable {
  /// The layout of the words that are written.
  package static let version = UInt32(StateArchive.currentVersion)
  /// The layouts that are read.
  package static let versions = UInt32(StateArchive.oldestVersion)...version

  package var tracker: DeviceTracker
  /// State of decoders, controls and health.
  package var rest: ContiguousArray<UInt64>

  /// Little-endian words: the tracker's, then the rest.
  package var bytes: [UInt8] {
    let archive = StateArchive()
    var tracker = tracker
    tracker.archive(archive)
    var bytes: [UInt8] = []
    bytes.reserveCapacity((archive.words.count + rest.count) * 8)
    for list in [archive.words, rest] {
      for word in list { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
    }
    return bytes
  }
}
