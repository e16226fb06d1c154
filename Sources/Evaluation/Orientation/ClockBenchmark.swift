import Foundation
import Spatial
import Tracking

/// Error of the mapping from a device's counter to host time, on synthetic transports with known truth.
public struct ClockBenchmark: Sendable {
  public struct Case: Sendable {
    public var name: String
    /// Samples per second.
    public var rate: Double
    /// Rate error of the device's clock.
    public var skew: Double
    /// Seconds: mean of the exponentially distributed delay of single arrivals.
    public var jitter: Double
    /// Probability that the host stalls at a sample, and the longest stall, s.
    public var stallShare: Double
    public var longestStall: Double

    public static let all: [Case] = [
      Case(
        name: "1 kHz, 40 ppm, 150 us, stalls", rate: 1000, skew: 40e-6, jitter: 150e-6, stallShare: 0.002,
        longestStall: 0.02),
      Case(
        name: "1 kHz, 40 ppm, 1 ms, 3 % stalls", rate: 1000, skew: 40e-6, jitter: 1e-3, stallShare: 0.03,
        longestStall: 0.02),
      Case(
        name: "250 Hz, 100 ppm, 200 us", rate: 250, skew: 100e-6, jitter: 200e-6, stallShare: 0.002,
        longestStall: 0.01),
    ]
  }

  public struct Score: Sendable {
    /// Microseconds.
    public var mean: Double
    public var p99: Double
    public var arrivalP99: Double
    public var isMonotonic: Bool
  }

  /// Scores two minutes without their first ten seconds.
  public static func score(_ clockCase: Case, seed: UInt64) -> Score {
    var random = SeededRandom(seed: seed)
    var clock = DeviceClock(ticksPerSecond: 1e6, bits: 32)
    var errors: [Double] = []
    var arrivals: [Double] = []
    var stallEnd = 0.0
    var lastArrival = 0.0
    var last = Timestamp(nanoseconds: .min)
    var isMonotonic = true
    let base = Timestamp(nanoseconds: 100_000_000_000_000)
    for index in 0..<Int(120 * clockCase.rate) {
      let time = Double(index) / clockCase.rate
      let ticks = UInt64(time * 1e6 * (1 + clockCase.skew))
      if random.uniform() < clockCase.stallShare {
        stallEnd = time + random.uniform() * clockCase.longestStall
      }
      let delay = -log(1 - random.uniform()) * clockCase.jitter + max(0, stallEnd - time)
      lastArrival = max(lastArrival, time + delay)
      guard let mapped = clock.map(ticks, received: base.advanced(bySeconds: lastArrival)) else { continue }
      if mapped <= last { isMonotonic = false }
      last = mapped
      guard time > 10 else { continue }
      errors.append((mapped.seconds(since: base) - time) * 1e6)
      arrivals.append((lastArrival - time) * 1e6)
    }
    func p99(_ values: [Double]) -> Double {
      let sorted = values.map(abs).sorted()
      return sorted.isEmpty ? .nan : sorted[sorted.count * 99 / 100]
    }
    return Score(
      mean: errors.reduce(0, +) / Double(max(1, errors.count)), p99: p99(errors), arrivalP99: p99(arrivals),
      isMonotonic: isMonotonic)
  }
}
