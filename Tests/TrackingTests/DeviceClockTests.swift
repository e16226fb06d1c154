import Devices
import Foundation
import Spatial
import Testing

@testable import Tracking

struct DeviceClockTests {
  /// Ticks and arrivals of a device with skew, jitter and stalls; returns the errors after a settling time, µs.
  private func errors(
    rate: Double, bits: Int, ticksPerSecond: Double, skew: Double, jitter: Double, stallShare: Double,
    stall: Double, seconds: Double, offset: UInt64 = 0
  ) -> [Double] {
    var random = SeededRandom(seed: 42)
    var clock = DeviceClock(ticksPerSecond: ticksPerSecond, bits: bits)
    var result: [Double] = []
    var lastArrival = 0.0
    var last = Timestamp(nanoseconds: .min)
    let base = 100_000.0
    for index in 0..<Int(seconds * rate) {
      let time = Double(index) / rate
      let ticks = UInt64(time * ticksPerSecond * (1 + skew)) &+ offset
      var delay = -log(1 - random.uniform()) * jitter
      if random.uniform() < stallShare { delay += random.uniform() * stall }
      lastArrival = max(lastArrival, time + delay)
      let received = Timestamp(nanoseconds: Int64((base + lastArrival) * 1e9))
      guard let mapped = clock.map(ticks, received: received) else { continue }
      #expect(mapped > last, "mapped times increase")
      #expect(mapped <= received, "nothing is taken after it arrived")
      last = mapped
      if time > seconds / 2 {
        result.append(mapped.seconds(since: Timestamp(nanoseconds: Int64(base * 1e9))) - time)
      }
    }
    return result.map { $0 * 1e6 }
  }

  private func p99(_ values: [Double]) -> Double {
    let sorted = values.map(abs).sorted()
    return sorted.isEmpty ? .infinity : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
  }

  @Test func aKilohertzWithStalls() {
    let values = errors(
      rate: 1000, bits: 32, ticksPerSecond: 48e6, skew: 40e-6, jitter: 150e-6, stallShare: 0.01, stall: 0.01,
      seconds: 60)
    #expect(p99(values) < 40, "p99 \(p99(values)) µs")
  }

  @Test func twoHundredFiftyHertzWithHundredPPM() {
    let values = errors(
      rate: 250, bits: 32, ticksPerSecond: 1e6, skew: -100e-6, jitter: 100e-6, stallShare: 0.001,
      stall: 0.005,
      seconds: 60)
    #expect(p99(values) < 40, "p99 \(p99(values)) µs")
  }

  /// A DualShock 4's counter wraps every 349 ms; the wrap, and reports lost over several wraps, are no resets.
  @Test func shortCountersWrap() {
    let values = errors(
      rate: 250, bits: 16, ticksPerSecond: 187_500, skew: 0, jitter: 200e-6, stallShare: 0, stall: 0,
      seconds: 20,
      offset: 65_000)
    #expect(p99(values) < 60)
    var clock = DeviceClock(ticksPerSecond: 187_500, bits: 16)
    _ = clock.map(0, received: Timestamp(nanoseconds: 1_000_000_000))
    // 2 s later: 375,000 ticks, five wraps.
    let later = clock.map(375_000 & 0xffff, received: Timestamp(nanoseconds: 3_000_100_000))
    #expect(later == Timestamp(nanoseconds: 3_000_000_000))
    #expect(clock.resets == 0)
  }

  @Test func repeatedAndOlderTicksAreRefused() {
    var clock = DeviceClock(ticksPerSecond: 1e6, bits: 32)
    _ = clock.map(1000, received: Timestamp(nanoseconds: 1_000_000_000))
    #expect(clock.map(2000, received: Timestamp(nanoseconds: 1_001_000_000)) != nil)
    #expect(clock.map(2000, received: Timestamp(nanoseconds: 1_002_000_000)) == nil)
    #expect(clock.map(1500, received: Timestamp(nanoseconds: 1_002_500_000)) == nil)
    #expect(clock.map(3000, received: Timestamp(nanoseconds: 1_003_000_000)) != nil)
  }

  @Test func aCounterThatStartsAnewIsAResetAndTimeGoesOn() {
    var clock = DeviceClock(ticksPerSecond: 1e6, bits: 32)
    var last = Timestamp(nanoseconds: 0)
    for index in 0..<2000 {
      let restarted = index >= 1000
      let ticks = UInt64(restarted ? (index - 1000) * 1000 : 3_000_000_000 + index * 1000)
      let mapped = clock.map(
        ticks, received: Timestamp(nanoseconds: 5_000_000_000 + Int64(index) * 1_000_000))
      if let mapped {
        #expect(mapped > last)
        last = mapped
      }
    }
    #expect(clock.resets == 1)
    #expect(abs(last.seconds(since: Timestamp(nanoseconds: 6_999_000_000))) < 1e-4)
  }

  @Test func anyTicksAndTimesAreSafe() {
    var random = SeededRandom(seed: 6)
    for bits in [8, 16, 24, 32, 48, 64] {
      var clock = DeviceClock(ticksPerSecond: 1e6, bits: bits)
      var last = Timestamp(nanoseconds: .min)
      for _ in 0..<5000 {
        let received = Timestamp(
          nanoseconds: Int64(bitPattern: random.next()) / (Bool.random(using: &random) ? 1 : 1_000_000))
        if let mapped = clock.map(random.next(), received: received) {
          #expect(mapped > last || last.nanoseconds == .max)
          last = mapped
        }
      }
    }
  }
}
