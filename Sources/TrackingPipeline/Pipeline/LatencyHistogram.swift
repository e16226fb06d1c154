import Synchronization

/// A histogram of durations. One thread counts, others read; counting takes a few nanoseconds and no lock.
package final class LatencyHistogram: Sendable {
  /// Upper bounds, nanoseconds; longer durations count in the last bucket.
  package static let bounds: [Int64] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
    10_000_000,
    20_000_000, 50_000_000,
  ]
  private let counts: InlineArray<16, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
  private let total = Atomic<Int64>(0)

  package init() {}

  package func record(nanoseconds: Int64) {
    var index = 0
    while index < Self.bounds.count, nanoseconds > Self.bounds[index] { index += 1 }
    counts[index].add(1, ordering: .relaxed)
    total.add(max(0, nanoseconds), ordering: .relaxed)
  }

  /// Counts up to each bound, in seconds, and up to infinity; and the sum of all durations in seconds.
  package var cumulative: (counts: [(bound: Double, count: UInt64)], sum: Double) {
    var running: UInt64 = 0
    var list: [(Double, UInt64)] = []
    for index in 0..<counts.count {
      running += counts[index].load(ordering: .relaxed)
      list.append((index < Self.bounds.count ? Double(Self.bounds[index]) * 1e-9 : .infinity, running))
    }
    return (list, Double(total.load(ordering: .relaxed)) * 1e-9)
  }
}
