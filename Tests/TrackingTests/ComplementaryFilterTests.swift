import DeviceEmulation
import Devices
import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

/// The complementary filter of Mahony and others on motions with known truth.
struct ComplementaryFilterTests {
  private let degree = Double.pi / 180
  /// Gains with which a bias is found within a minute.
  private let fast = ["proportional_gain_per_s": 1, "integral_gain_per_s2": 0.05]

  private func filter(
    _ values: [String: Double] = [:], learned: LearnedGyroscope? = nil, from orientation: Quaternion? = nil
  ) throws -> any OrientationEstimator {
    try EstimatorSettings(estimator: ComplementaryFilter.name, values: values)
      .makeEstimator(learned: learned, worldFromDevice: orientation)
  }

  private func tilt(_ a: Quaternion, _ b: Quaternion) -> Double {
    acos(min(1, (a * b.conjugate).rotate(Vector3(0, 1, 0)).y))
  }

  /// Without bias integral a small tilt error decays with the time constant 1/kP.
  @Test(arguments: [0.5, 1, 2]) func aTiltErrorDecaysWithTheGain(_ gain: Double) throws {
    let attitude = Quaternion(rotationVector: Vector3(0.3, 0.8, -0.2))
    let error = Quaternion(rotationVector: Vector3(0.05, 0, 0.05))
    var filter = try filter(
      ["proportional_gain_per_s": gain, "integral_gain_per_s2": 0], from: error * attitude)
    let force = attitude.conjugate.rotate(Vector3(0, standardGravity, 0))
    let start = tilt(filter.estimate.worldFromDevice, attitude)
    for step in 1...4000 {
      filter.update(rate: .zero, force: force, field: nil, step: 0.001)
      if step == 1000 {
        let share = tilt(filter.estimate.worldFromDevice, attitude) / start
        #expect(abs(share / exp(-gain) - 1) < 0.02, "\(share)")
      }
    }
  }

  @Test func theFirstForceGivesTheTilt() throws {
    for attitude in [Vector3.zero, Vector3(1.2, 0, 0), Vector3(0, 0, 3.1), Vector3(-1.5, 0.4, -2)] {
      let truth = Quaternion(rotationVector: attitude)
      var filter = try filter()
      filter.update(
        rate: .zero, force: truth.conjugate.rotate(Vector3(0, standardGravity, 0)), field: nil, step: 0.001)
      #expect(tilt(filter.estimate.worldFromDevice, truth) < 1e-6)
    }
  }

  /// Ten minutes on a table with sensor noise: tilt and heading stand still, and the stated tilt uncertainty holds.
  @Test func aRestingDeviceHoldsStill() throws {
    var random = SeededRandom(seed: 12)
    let truth = Quaternion(rotationVector: Vector3(0.4, 1, -0.3))
    var filter = try filter()
    var first: Quaternion?
    var worst = 0.0
    for index in 0..<120_000 {
      filter.update(
        rate: random.gaussian3() * 0.002,
        force: truth.conjugate.rotate(Vector3(0, standardGravity, 0)) + random.gaussian3() * 0.03,
        field: nil, step: 0.005)
      if index == 1000 { first = filter.estimate.worldFromDevice }
      if index > 1000 { worst = max(worst, tilt(filter.estimate.worldFromDevice, truth)) }
    }
    let last = filter.estimate
    #expect(worst < 0.2 * degree, "\(worst / degree)°")
    #expect((first?.angle(to: last.worldFromDevice) ?? .pi) < 0.5 * degree)
    #expect(last.inclinationUncertainty < 0.01 && last.inclinationUncertainty > worst)
  }

  /// Turned about all axes, each component of the bias becomes observable.
  @Test func aBiasIsFoundInMotion() throws {
    let bias = Vector3(0.03, -0.02, 0.04)
    var filter = try filter(fast)
    var attitude = Quaternion.identity
    for index in 0..<60_000 {
      let time = Double(index) * 0.005
      let rate = Vector3(2 * sin(0.7 * time), 1.5 * sin(1.1 * time + 1), 2 * cos(0.5 * time))
      attitude = (attitude * Quaternion(rotationVector: rate * 0.005)).normalized
      filter.update(
        rate: rate + bias, force: attitude.conjugate.rotate(Vector3(0, standardGravity, 0)), field: nil,
        step: 0.005)
    }
    #expect((filter.estimate.bias - bias).length < 0.1 * degree, "\(filter.estimate.bias)")
    #expect((filter.corrected(bias) - .zero).length < 0.1 * degree)
    #expect(tilt(filter.estimate.worldFromDevice, attitude) < 0.2 * degree)
    // Kept for the next start of the device.
    filter.restart(headingUncertainty: 1)
    #expect((filter.learned.bias - bias).length < 0.1 * degree)
    let again = try self.filter(learned: filter.learned)
    #expect(again.estimate.bias == filter.learned.bias)
  }

  /// A minute of head motion: under 2° of tilt, and within twice the stated uncertainty in the mean square.
  @Test func headMotionIsFollowed() throws {
    for seed: UInt64 in 1...3 {
      var random = SeededRandom(seed: seed)
      let motion = HeadMotion.lookingAround(seed: seed)
      var filter = try filter(fast)
      var (squares, stated, count) = (0.0, 0.0, 0.0)
      for index in 0..<30_000 {
        let state = motion.state(at: Double(index) * 0.002)
        filter.update(
          rate: state.angularVelocity + Vector3(0.01, -0.01, 0.005) + random.gaussian3() * 0.003,
          force: state.specificForce + random.gaussian3() * 0.05, field: nil, step: 0.002)
        guard index > 5000 else { continue }
        let estimate = filter.estimate
        let error = tilt(estimate.worldFromDevice, state.worldFromDevice.orientation)
        squares += error * error
        stated += estimate.inclinationUncertainty * estimate.inclinationUncertainty
        count += 1
      }
      let error = (squares / count).squareRoot()
      #expect(error < 2 * degree, "seed \(seed): \(error / degree)°")
      #expect(error < 2 * (stated / count).squareRoot(), "\(error), stated \((stated / count).squareRoot())")
    }
  }

  @Test func aGapTakesTheTiltFromGravityAndKeepsTheHeading() throws {
    let before = Quaternion(rotationVector: Vector3(0, 1.1, 0))
    var filter = try filter(from: before)
    let after = before * Quaternion(rotationVector: Vector3(0.6, 0, 0))
    filter.update(
      rate: .zero, force: after.conjugate.rotate(Vector3(0, standardGravity, 0)), field: nil, step: 2)
    #expect(tilt(filter.estimate.worldFromDevice, after) < 1e-6)
    #expect(filter.estimate.worldFromDevice.angle(to: after) < 1e-6)
    #expect(filter.estimate.headingUncertainty >= 0.5)
  }

  /// No finite input makes a NaN, and the quaternion keeps length one.
  @Test func anyFiniteInputGivesAUnitQuaternion() throws {
    var random = SeededRandom(seed: 77)
    let sizes = [0, 1e-300, 1e-9, 1, 1e3, 1e9, 1e150]
    let highest: [String: Double] = ["proportional_gain_per_s": 100, "integral_gain_per_s2": 100]
    for gains in [[:], highest] {
      var filter = try filter(gains)
      for _ in 0..<20_000 {
        let rate = random.gaussian3() * (sizes.randomElement(using: &random) ?? 1)
        let force = random.gaussian3() * (sizes.randomElement(using: &random) ?? 1)
        let step = random.uniform() * (sizes.randomElement(using: &random) ?? 1)
        filter.update(
          rate: rate, force: Bool.random(using: &random) ? force : nil, field: nil, step: step)
        let estimate = filter.estimate
        let q = estimate.worldFromDevice.components
        #expect(abs((q * q).sum() - 1) < 1e-12 && estimate.bias.isFinite)
        #expect(estimate.inclinationUncertainty.isFinite && estimate.headingUncertainty.isFinite)
      }
    }
  }

  /// An archived filter continues with the same bits.
  @Test func anArchivedFilterContinues() throws {
    let motion = HeadMotion.gesturing(seed: 4)
    var filter = try filter()
    func feed(_ filter: inout any OrientationEstimator, _ range: Range<Int>) {
      for index in range {
        let state = motion.state(at: Double(index) * 0.002)
        filter.update(rate: state.angularVelocity, force: state.specificForce, field: nil, step: 0.002)
      }
    }
    feed(&filter, 0..<1000)
    let writer = StateArchive()
    filter.archive(writer)
    var other = try self.filter()
    let reader = StateArchive(words: writer.words)
    other.archive(reader)
    try reader.finish()
    feed(&filter, 1000..<2000)
    feed(&other, 1000..<2000)
    let (a, b) = (filter.estimate, other.estimate)
    #expect(a.worldFromDevice == b.worldFromDevice && a.bias == b.bias)
    #expect(a.headingUncertainty == b.headingUncertainty && a.tiltCorrection == b.tiltCorrection)
  }
}
