import Spatial

/// When samples were taken, out of when they were read.
///
/// A block is read some time after its last sample was taken, and never before. The least of these delays is nearly
/// constant, so the start of the stream lies at the least of (time of reading − samples so far ÷ rate). A sound card's
/// clock runs a little fast or slow: the estimate may follow by 200 millionths. If for two seconds everything comes later
/// than it should, samples are missing.
struct SampleClock {
  private let rate: Double
  private var count: Int64 = 0
  /// Nanoseconds of CLOCK_MONOTONIC.
  private var origin: Double?
  private var lastRead: Double = 0
  /// Least delay over `origin` of the last seconds.
  private var least = Double.infinity
  private var leastSince: Double = 0

  private static let drift = 200e-6
  private static let window = 2e9
  /// Nanoseconds that count as missing samples; less is jitter.
  private static let gap = 60e6

  init(rate: Double) { self.rate = rate }

  /// - Parameter now: when the block was read, nanoseconds.
  /// - Returns: when its first sample was taken, and how many samples are missing before it.
  mutating func add(_ samples: Int, readAt now: Int64) -> (captured: Timestamp, lost: Int) {
    let read = Double(now)
    let candidate = read - Double(count + Int64(samples)) / rate * 1e9
    var lost = 0
    if let known = origin {
      let followed = known + (read - lastRead) * Self.drift
      origin = min(candidate, followed)
      least = min(least, candidate - followed)
      if read - leastSince > Self.window {
        if least > Self.gap {
          lost = Int(least * 1e-9 * rate)
          count += Int64(lost)
        }
        least = .infinity
        leastSince = read
      }
    } else {
      origin = candidate
      leastSince = read
    }
    lastRead = read
    let first = (origin ?? candidate) + Double(count) / rate * 1e9
    count += Int64(samples)
    return (Timestamp(nanoseconds: Int64(first)), lost)
  }
}
