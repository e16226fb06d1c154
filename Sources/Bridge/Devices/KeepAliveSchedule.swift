import Devices

/// When the keep-alive report of each open part is due.
struct KeepAliveSchedule {
  private struct Entry {
    var report: [UInt8]
    /// Nanoseconds.
    var interval: Int64
    var next: Int64
  }

  private var entries: [PartKey: Entry] = [:]

  /// CLOCK_MONOTONIC, ns; nil for none.
  var next: Int64? { entries.values.map(\.next).min() }

  mutating func start(_ keepAlive: KeepAlive, of part: PartKey, now: Int64) {
    let interval = Int64(keepAlive.seconds * 1e9)
    entries[part] = Entry(report: keepAlive.report, interval: interval, next: now + interval)
  }

  mutating func stop(_ part: PartKey) { entries[part] = nil }

  /// Returns the reports that are due, each postponed by its interval.
  mutating func due(now: Int64) -> [(part: PartKey, report: [UInt8])] {
    var due: [(PartKey, [UInt8])] = []
    for (part, entry) in entries where entry.next <= now {
      entries[part]?.next = now + entry.interval
      due.append((part, entry.report))
    }
    return due
  }
}
