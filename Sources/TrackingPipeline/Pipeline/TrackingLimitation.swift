import Tracking

/// A reason for which a device that sends valid reports is tracked less well than its family.
package enum TrackingLimitation: Sendable, Equatable, BitwiseCopyable {
  /// Its clock can't be used.
  case clock(ClockStatus)
  /// The times of arrival stepped back, and were moved on.
  case timeStep(TimeSteps)
  /// It sends only reports of a mode without motion.
  case simpleReports
  /// Its reports have no valid checksum, and are used without.
  case noChecksum

  /// The limitation and its consequence, for display.
  package var text: String {
    switch self {
    case .clock(let status): status.problem ?? "its clock is right"
    case .timeStep(let steps):
      "the recorded times step back, by \((steps.seconds * 100).rounded() / 100) s in total; later times are moved on"
    case .simpleReports: "it sends only simple reports: buttons and sticks, no motion"
    case .noChecksum: "its reports have no valid checksum: errors of transmission are not detected"
    }
  }
}

/// A limitation as plain words, for the queues of the tracking thread.
package struct PackedLimitation: BitwiseCopyable, Sendable {
  package private(set) var isActive: Bool
  private var kind: UInt8
  private var detail: UInt8 = 0
  private var values = (0.0, 0.0)

  package init(_ limitation: TrackingLimitation, isActive: Bool) {
    self.isActive = isActive
    switch limitation {
    case .clock(let status):
      kind = 0
      detail = status.fault?.rawValue ?? 0
      values = (status.rate, status.arrivalSpread)
    case .timeStep(let steps):
      kind = 1
      values = (Double(steps.count), steps.seconds)
    case .simpleReports: kind = 2
    case .noChecksum: kind = 3
    }
  }

  /// Three words for the ring of a recording.
  package init(words: (UInt64, UInt64, UInt64)) {
    isActive = words.0 & 1 != 0
    kind = UInt8(truncatingIfNeeded: words.0 >> 8)
    detail = UInt8(truncatingIfNeeded: words.0 >> 16)
    values = (Double(bitPattern: words.1), Double(bitPattern: words.2))
  }

  package var words: (UInt64, UInt64, UInt64) {
    (
      (isActive ? 1 : 0) | UInt64(kind) << 8 | UInt64(detail) << 16, values.0.bitPattern, values.1.bitPattern
    )
  }

  package var limitation: TrackingLimitation {
    switch kind {
    case 0:
      .clock(ClockStatus(fault: ClockDefect(rawValue: detail), rate: values.0, arrivalSpread: values.1))
    case 1:
      .timeStep(TimeSteps(count: Int(exactly: values.0) ?? 0, seconds: values.1))
    case 2: .simpleReports
    default: .noChecksum
    }
  }
}
