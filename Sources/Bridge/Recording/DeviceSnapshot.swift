import Sensing
import Tracking

/// The state of one device's decoding and tracking, taken between two reports.
///
/// The tracker is copied, which only counts references; what it holds becomes words on the recorder's thread.
struct DeviceSnapshot: Sendable {
  /// Rises when the order or meaning of the words changes.
  static let version: UInt32 = 3

  var tracker: DeviceTracker
  /// Decoders, controls and health.
  var rest: ContiguousArray<UInt64>

  /// Little-endian words, the tracker's first.
  var bytes: [UInt8] {
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
