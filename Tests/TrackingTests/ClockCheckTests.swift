import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

/// Clocks that disagree with the times of arrival: they are not believed, and right ones are, whatever arrivals do.
struct ClockCheckTests {
  private struct Pad {
    var rate = 250.0
    var samples = 1
    var bits = 32
    var ticksPerSecond = 3e6
    /// Random delay of the arrivals, s, and the share of reports after which the host stalls for a quarter of a second.
    var jitter = 0.0005
    var stalls = 0.0
    /// rad/s.
    var turn = 1.0

    func tracker(checksTimes: Bool = true) -> DeviceTracker {
      DeviceTracker(
        calibration: InertialCalibration(), sampleRate: rate * Double(samples), clock: (ticksPerSecond, bits),
        origin: .recorded, checksTimes: checksTimes)
    }

    /// Feeds reports for some seconds; `ticks` makes the stamp of a time.
    func feed(
      _ tracker: inout DeviceTracker, from begin: Double = 0, seconds: Double,
      arrivals: (Double) -> Double = { $0 }, ticks: (Double) -> Double
    ) -> [TrackedState] {
      var random = SeededRandom(seed: 9)
      var states: [TrackedState] = []
      var (last, blocked) = (0.0, 0.0)
      for index in 0..<Int(seconds * rate) {
        let time = begin + Double(index) / rate
        if random.uniform() < stalls { blocked = time + 0.24 }
        let arrival = max(last, blocked, time - log(1 - random.uniform()) * jitter)
        last = arrival
        let received = Timestamp(nanoseconds: Int64((100 + arrivals(arrival)) * 1e9))
        let report = (0..<samples).map { slot in
          let age = Double(samples - 1 - slot) / (rate * Double(samples))
          return InertialSample(
            received: received,
            deviceTicks: UInt64(truncatingIfNeeded: Int64(ticks(time - age + 10))) & (1 << UInt64(bits) - 1),
            angularVelocity: Vector3(0, turn, 0), specificForce: Vector3(0, standardGravity, 0))
        }
        if samples > 1 { tracker.prepare(oldest: report[0], newest: report[samples - 1], count: samples) }
        for sample in report {
          if let state = tracker.process(sample) { states.append(state) }
        }
      }
      return states
    }
  }

  private static let dualSense = Pad()
  private static let dualShock = Pad(bits: 16, ticksPerSecond: 187_500)
  private static let proController = Pad(rate: 66, samples: 3, bits: 8, ticksPerSecond: 200)

  /// Factors on the rate of the stamps: stuck, another unit, ten times too fast, and slightly wrong.
  @Test(arguments: [0, 1.0 / 3000, 1.0 / 3, 3, 10, 1000])
  func aWrongClockIsReplacedByArrival(_ factor: Double) throws {
    for pad in [Self.dualSense, Self.dualShock, Self.proController] {
      var tracker = pad.tracker()
      let states = pad.feed(&tracker, seconds: 5) { $0 * pad.ticksPerSecond * factor }
      let status = tracker.clockStatus
      #expect(status.fault == (factor < 0.01 ? .stuck : .rate), "\(pad.bits) bits: \(status)")
      #expect(status.problem?.contains("times are those of arrival") == true)
      #expect(status.arrivalSpread > 0 && status.arrivalSpread < 0.005, "\(status)")
      let all = Int(5 * pad.rate) * pad.samples
      #expect(states.count > all * 85 / 100, "\(pad.bits) bits: \(states.count) of \(all)")
      // Turned at the right rate from one second on, and labelled.
      let late = states.filter { $0.captured.nanoseconds > 101_500_000_000 }
      let (first, last) = (try #require(late.first), try #require(late.last))
      let seconds = last.captured.seconds(since: first.captured)
      let expected = Quaternion(rotationVector: Vector3(0, seconds, 0)) * first.worldFromDevice.orientation
      #expect(expected.angle(to: last.worldFromDevice.orientation) < 0.02)
      #expect(zip(states, states.dropFirst()).allSatisfy { $0.captured < $1.captured })
      #expect(states.allSatisfy { $0.captured.seconds(since: $0.received) < 1e-6 })
      #expect(last.uncertainty.inclination >= status.arrivalSpread * 0.9)
    }
  }

  /// A rate that is wrong by a few percent needs seconds of comparison.
  @Test(arguments: [0.97, 1.05, 0.8])
  func aSlightlyWrongRateIsFound(_ factor: Double) {
    var tracker = Self.dualSense.tracker()
    _ = Self.dualSense.feed(&tracker, seconds: 10) { $0 * 3e6 * factor }
    #expect(tracker.clockStatus.fault == .rate)
    #expect(abs(tracker.clockStatus.rate - factor) < 0.01, "\(tracker.clockStatus)")
  }

  /// Crystals differ by parts per million, reports are late, hosts stall, counters wrap.
  @Test(arguments: [0, 200e-6, -200e-6])
  func aRightClockIsBelieved(_ skew: Double) {
    for pad in [Self.dualSense, Self.dualShock, Self.proController] {
      for (jitter, stalls) in [(0.0005, 0.0), (0.01, 0.0), (0.002, 0.002)] {
        var pad = pad
        (pad.jitter, pad.stalls) = (jitter, stalls)
        var (checked, unchecked) = (pad.tracker(), pad.tracker(checksTimes: false))
        let states = pad.feed(&checked, seconds: 30) { $0 * pad.ticksPerSecond * (1 + skew) }
        let others = pad.feed(&unchecked, seconds: 30) { $0 * pad.ticksPerSecond * (1 + skew) }
        #expect(checked.clockStatus.fault == nil, "\(pad): \(checked.clockStatus)")
        #expect(states.count == others.count)
        #expect(
          zip(states, others).allSatisfy {
            $0.worldFromDevice == $1.worldFromDevice && $0.captured == $1.captured
          })
      }
    }
  }

  /// A clock that starts after a while is used again, and times continue.
  /// A counter that begins again is no wrong clock, however often: a device that restarts, a recording that is repeated.
  @Test(arguments: [1.5, 3, 5])
  func aCounterThatBeginsAgainIsBelieved(_ period: Double) {
    var check = ClockCheck(ticksPerSecond: 1e6, bits: 32)
    var faults = 0
    for index in 0..<20_000 {
      let time = Double(index) * 0.001
      let passes = (time / period).rounded(.down)
      let ticks = UInt64((time - passes * period) * 1e6)
      // 100 ms between two passes.
      let received = Timestamp(nanoseconds: Int64((time + passes * 0.1) * 1e9))
      if check.observe(ticks, received: received) { faults += 1 }
    }
    #expect(faults == 0 && check.status.fault == nil, "\(check.status)")
  }

  @Test func aClockThatRecoversIsUsedAgain() throws {
    var tracker = Self.dualSense.tracker()
    var states = Self.dualSense.feed(&tracker, seconds: 3) { _ in 0 }
    #expect(tracker.clockStatus.fault == .stuck)
    states += Self.dualSense.feed(&tracker, from: 3, seconds: 12) { $0 * 3e6 }
    #expect(tracker.clockStatus.fault == nil && tracker.clockStatus.problem == nil)
    #expect(zip(states, states.dropFirst()).allSatisfy { $0.captured < $1.captured })
    #expect(states.count > 15 * 250 * 9 / 10)
    let newest = try #require(states.last)
    #expect(newest.received.seconds(since: newest.captured) < 0.05)
  }

  /// The host of a recording set its clock back: later times continue, with a right clock and without one.
  @Test(arguments: [true, false])
  func arrivalsThatStepBackAreMovedOn(_ hasClock: Bool) throws {
    let pad = Self.dualSense
    var tracker = pad.tracker()
    if !hasClock {
      tracker = DeviceTracker(
        calibration: InertialCalibration(), sampleRate: pad.rate, clock: nil, origin: .recorded)
    }
    let states = pad.feed(&tracker, seconds: 6, arrivals: { $0 < 3 ? $0 : $0 - 3600 }) { $0 * 3e6 }
    #expect(tracker.timeSteps.count == 1 && abs(tracker.timeSteps.seconds - 3600) < 0.1)
    #expect(tracker.clockStatus.fault == nil)
    let late = states.filter { $0.captured.nanoseconds > 102_000_000_000 }
    let (first, last) = (try #require(late.first), try #require(late.last))
    #expect(abs(last.captured.seconds(since: first.captured) - 4) < 0.1)
    let expected = Quaternion(rotationVector: Vector3(0, 4, 0)) * first.worldFromDevice.orientation
    #expect(expected.angle(to: last.worldFromDevice.orientation) < 0.1)
  }

  /// Restored in the middle of a comparison, another tracker decides the same.
  @Test func theStateOfTheCheckIsArchived() throws {
    for seconds in [0.3, 2] {
      let pad = Self.dualShock
      var tracker = pad.tracker()
      _ = pad.feed(&tracker, seconds: seconds) { _ in 0 }
      let archive = StateArchive()
      tracker.archive(archive)
      var other = pad.tracker()
      let reading = StateArchive(words: archive.words)
      other.archive(reading)
      try reading.finish()
      #expect(other.clockStatus == tracker.clockStatus)
      let states = pad.feed(&tracker, from: seconds, seconds: 2) { _ in 0 }
      let others = pad.feed(&other, from: seconds, seconds: 2) { _ in 0 }
      #expect(states.map(\.worldFromDevice) == others.map(\.worldFromDevice) && states.count > 300)
      #expect(states.map(\.captured) == others.map(\.captured))
    }
  }
}
