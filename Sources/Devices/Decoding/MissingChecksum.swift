import Sensing

/// Detects a unit that sends no checksum: many reports in a row, and none before them, had a right one.
struct MissingChecksum: Sendable {
  private var wrong = 0
  private var hasRight = false

  /// Errors of a radio are rarer, and come between right reports.
  private static let limit = 32

  var isMissing: Bool { !hasRight && wrong >= Self.limit }

  mutating func observe(isRight: Bool) {
    if isRight {
      hasRight = true
    } else if wrong < Self.limit {
      wrong += 1
    }
  }

  mutating func archive(_ archive: StateArchive) {
    archive.code(&wrong, in: 0...Self.limit)
    archive.code(&hasRight)
  }
}
