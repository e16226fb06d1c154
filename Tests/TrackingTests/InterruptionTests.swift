import Devices
import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

/// Stalls and suspensions of 15 s: the heading is kept and less certain, and the clock is mapped again within two seconds.
struct InterruptionTests {
  /// What happens while no report is read.
  enum Interruption: CaseIterable {
    /// Device and host go on; the reports in between are lost.
    case bothGoOn
    /// The device's counter stands still, as when it is suspended.
    case deviceStops
    /// The host's clock stands still, as when the host is suspended.
    case hostStops
    /// The device's counter starts again.
    case deviceRestarts
    /// The kernel kept the 64 reports after the last one that was read, and delivers them at once.
    case reportsWait
  }

  private static let rate = 250.0
  private static let before = 4.0
  private static let gap = 15.0
  private static let after = 2.0

  /// Reports of a device that turns by one radian in the first two seconds: ticks' and host's seconds.
  private func reports(_ interruption: Interruption) -> [(device: Double, host: Double)] {
    var random = SeededRandom(seed: 3)
    var result: [(Double, Double)] = []
    func jitter() -> Double { -log(1 - random.uniform()) * 100e-6 }
    let steps = Int(Self.before * Self.rate)
    for index in 0..<steps {
      let time = Double(index) / Self.rate
      result.append((time, time + jitter()))
    }
    var device = interruption == .deviceStops ? 0 : Self.gap
    let host = interruption == .hostStops ? 0 : Self.gap
    if interruption == .deviceRestarts { device = -Self.before }
    if interruption == .reportsWait {
      for index in 0..<64 {
        let time = Self.before + Double(index) / Self.rate
        result.append((time, Self.before + Self.gap + Double(index) * 20e-6))
      }
    }
    for index in 1...Int(Self.after * Self.rate) {
      let time = Self.before + Double(index) / Self.rate
      result.append((time + device, time + host + jitter() + 2e-3))
    }
    return result
  }

  private func sample(_ report: (device: Double, host: Double), bits: Int, isTurning: Bool) -> InertialSample
  {
    let ticks = UInt64((report.device + 1000) * 187_500) & ((1 << UInt64(bits)) - 1)
    return InertialSample(
      received: Timestamp(nanoseconds: 1_000_000_000_000 + Int64(report.host * 1e9)), deviceTicks: ticks,
      angularVelocity: Vector3(0, isTurning ? 0.5 : 0, 0), specificForce: Vector3(0, standardGravity, 0))
  }

  private func tracker(_ estimator: String, bits: Int) throws -> DeviceTracker {
    DeviceTracker(
      calibration: InertialCalibration(), sampleRate: Self.rate, clock: (187_500, bits), origin: .emulated,
      settings: try EstimatorSettings(estimator: estimator))
  }

  @Test(arguments: Interruption.allCases, [16, 32])
  func headingIsKeptAndLessCertain(_ interruption: Interruption, _ bits: Int) throws {
    // A counter that wraps does not show a gap while the host's clock stands still.
    if interruption == .hostStops, bits == 16 { return }
    for estimator in OrientationEstimators.names {
      var tracker = try tracker(estimator, bits: bits)
      var last: TrackedState?
      var first: TrackedState?
      let reports = reports(interruption)
      for (index, report) in reports.enumerated() {
        let isBefore = index < Int(Self.before * Self.rate)
        let state = tracker.process(sample(report, bits: bits, isTurning: index < 500))
        if isBefore { last = state ?? last } else { first = first ?? state }
      }
      let (old, new) = (try #require(last), try #require(first))
      let end = try #require(tracker.history.newest)
      let name = "\(estimator), \(interruption), \(bits) bits"
      #expect(abs(old.worldFromDevice.orientation.rotationVector.y - 1) < 0.05, "\(name)")
      for state in [new, end] {
        let turn = state.worldFromDevice.orientation * old.worldFromDevice.orientation.conjugate
        #expect(turn.rotationVector.length < 0.05, "\(name): \(turn.rotationVector)")
        #expect(
          state.uncertainty.heading > max(0.9, old.uncertainty.heading), "\(name): \(state.uncertainty)")
      }
      #expect(tracker.gaps > 0 && tracker.gaps < 4, "\(name): \(tracker.gaps)")
    }
  }

  @Test(arguments: Interruption.allCases, [16, 32])
  func theClockIsMappedAgainWithinTwoSeconds(_ interruption: Interruption, _ bits: Int) throws {
    // The phase of a short counter after the gap depends on the gap.
    for phase in 0..<8 {
      var clock = DeviceClock(ticksPerSecond: 187_500, bits: bits)
      var latest = 0.0
      for report in reports(interruption) {
        var report = report
        if report.host > Self.before + 0.5, interruption != .bothGoOn {
          report.device += Double(phase) * 0.045
        }
        let sample = sample(report, bits: bits, isTurning: false)
        guard let mapped = clock.map(try #require(sample.deviceTicks), received: sample.received) else {
          continue
        }
        latest = sample.received.seconds(since: mapped)
      }
      let name = "\(interruption), \(bits) bits, phase \(phase)"
      // A step below 8 ms is kept in the window: at most half of it is left.
      #expect(clock.residual < 4e-3, "\(name): residual \(clock.residual) s")
      #expect(latest < 5e-3, "\(name): \(latest) s from capture to arrival")
    }
  }

  /// A device that is connected again has the heading that it had, and its recentring.
  @Test func aDeviceThatIsConnectedAgainKeepsItsHeading() throws {
    for estimator in OrientationEstimators.names {
      var tracker = try tracker(estimator, bits: 32)
      let reports = reports(.bothGoOn)
      for (index, report) in reports.prefix(1000).enumerated() {
        _ = tracker.process(sample(report, bits: 32, isTurning: index < 500))
      }
      let old = try #require(tracker.history.newest)
      var again = try self.tracker(estimator, bits: 32)
      again.proceed(from: tracker, wasInterrupted: true)
      let continued = again.process(sample(reports[1000], bits: 32, isTurning: false))
      let new = try #require(continued)
      let turn = new.worldFromDevice.orientation * old.worldFromDevice.orientation.conjugate
      #expect(turn.rotationVector.length < 0.02, "\(estimator): \(turn.rotationVector)")
      #expect(new.uncertainty.heading > 1.5, "\(estimator): \(new.uncertainty)")

      tracker.recenter()
      var recentred = try self.tracker(estimator, bits: 32)
      recentred.proceed(from: tracker, wasInterrupted: false)
      let afterwards = recentred.process(sample(reports[1000], bits: 32, isTurning: false))
      let level = try #require(afterwards)
      #expect(level.worldFromDevice.orientation.rotationVector.length < 0.02, "\(estimator): \(level)")
      #expect(abs(level.uncertainty.heading - old.uncertainty.heading) < 0.05, "\(estimator): \(level)")
    }
  }

  /// Gaps below a second lead to the covariance that they led to, added to that before them.
  @Test func shortGapsAddToTheUncertainty() {
    var filter = OrientationFilter()
    func feed(_ count: Int) {
      for _ in 0..<count {
        filter.update(rate: .zero, force: Vector3(0, standardGravity, 0), step: 0.004)
      }
    }
    feed(1000)
    var before = filter.headingUncertainty
    for gap in [0.3, 0.5, 0.9] {
      filter.update(rate: .zero, force: Vector3(0, standardGravity, 0), step: gap)
      let expected = (before * before + 0.5 * gap).squareRoot()
      #expect(abs(filter.headingUncertainty - expected) < 1e-3)
      before = filter.headingUncertainty
    }
    filter.update(rate: .zero, force: Vector3(0, standardGravity, 0), step: 1e6)
    #expect(abs(filter.headingUncertainty - Double.pi / 3.0.squareRoot()) < 1e-3)
  }
}
