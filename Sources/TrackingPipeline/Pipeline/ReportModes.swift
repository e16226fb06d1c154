import Spatial

/// Detects that a device sends only simple reports, and that it sends none with a checksum.
///
/// A pad sends simple reports until it was asked for others, so that only a second of them counts.
struct ReportModes {
  private var since: Timestamp?
  private(set) var isSimple = false
  private var wasSimple = false
  private(set) var lacksChecksum = false

  mutating func observe(isSimple report: Bool, hasMotion: Bool, at time: Timestamp) {
    if hasMotion {
      (since, isSimple) = (nil, false)
    } else if report {
      let begin = since ?? time
      since = begin
      if time.seconds(since: begin) > 1 { isSimple = true }
    }
  }

  /// Returns whether the device sends only simple reports, after a change.
  mutating func takeChange() -> Bool? {
    guard isSimple != wasSimple else { return nil }
    wasSimple = isSimple
    return isSimple
  }

  /// Returns whether the reports lack a checksum, after a change.
  mutating func takeChecksumChange(_ isMissing: Bool) -> Bool? {
    guard isMissing != lacksChecksum else { return nil }
    lacksChecksum = isMissing
    return isMissing
  }
}
