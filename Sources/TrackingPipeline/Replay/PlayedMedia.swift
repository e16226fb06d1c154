import SessionLog

/// A record of a played session beside its reports, at the time at which it was recorded.
package enum PlayedMedia: Sendable {
  case frame(FrameRecord)
  case audio(AudioRecord)
  case intrinsics(IntrinsicsRecord)

  /// The record, to be recorded again.
  package var record: any QueuedRecord {
    switch self {
    case .frame(let record): record
    case .audio(let record): record
    case .intrinsics(let record): record
    }
  }
}
