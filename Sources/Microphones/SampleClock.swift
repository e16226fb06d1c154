import Spatial

/// Estimates the capture time of samples from the times at which they are read.
///
/// A block is read after its last sample was captured, never before. The least delay is nearly constant, so the start of
/// the stream is the minimum of (time of reading − samples so far ÷ rate). A sound card's clock runs a little fast or
/// slow: the estimate follows by up to 200 ppm. If all blocks of two seconds are late, samples are missing.
struct SampleClock {
  private let rate: Double
  private var count: Int64 = 0
  /// Nanoseconds of CLOCK_MONOTONIC.
  private var origin: Double?
  private var lastRead: Double = 0
  /// Least delay relative to `origin` in the current window, nanoseconds.
  private var least = Double.infinity
  private var leastSince: Double = 0

  private static let drift = 200e-6
  private static let window = 2e9
  /// Nanoseconds that count as missing samples; less is jitter.
  private static let gap = 60e6

  init(rate: Double) { self.rate = rate }

  /// Adds a block.
  ///
  /// - Parameter now: time of reading, nanoseconds of CLOCK_MONOTONIC.
  /// - Returns: the capture time of its first sample, and the number of samples missing before it.
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
