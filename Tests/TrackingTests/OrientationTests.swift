import DeviceEmulation
import Devices
import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Tracking

struct OrientationTests {
  private let degree = Double.pi / 180

  /// Runs an emulated device through decoder and tracker.
  private func run(
    _ family: String, part: String?, errors: InertialErrors, motion: HeadMotion, seconds: Double
  ) throws -> [(truth: HeadMotion.State, state: TrackedState)] {
    let device = try EmulatedDevice(
      try TestPaths.description(family),
      options: EmulatedDevice.Options(part: part, motion: motion, errors: errors))
    let (reader, _) = try device.connect()
    defer { reader.close() }
    let opened = try PartOpener.open(device.match, transport: reader)
    let clock = device.match.part.reports.lazy.compactMap(\.clock).first.map { ($0.rate, $0.bits) }
    var tracker = DeviceTracker(
      calibration: opened.calibration, sampleRate: device.sampleRate, clock: clock, origin: .emulated)
    var generator = try device.generator()
    let batch = SampleBatch()
    var result: [(HeadMotion.State, TrackedState)] = []
    while true {
      let step = generator.next()
      guard step.time < seconds else { return result }
      // Reports arrive 1 ms after they were made.
      let received = Timestamp(nanoseconds: 1_000_000_000 + Int64(step.time * 1e9) + 1_000_000)
      for report in step.reports {
        batch.begin()
        try report.withUnsafeBytes { _ = try opened.decoder.decode($0, received: received, into: batch) }
        for index in 0..<batch.inertialCount {
          if let state = tracker.process(batch.inertial(index)) { result.append((step.truth, state)) }
        }
      }
    }
  }

  /// A minute of head motion with a consumer unit's errors: under 1° RMS of inclination, and of the whole
  /// orientation once the heading's slow drift (which nothing observes without a magnetometer) is taken out.
  @Test(arguments: [
    ("htc-vive", "imu"), ("oculus-dk1", "tracker"), ("sony-dualsense", "usb"), ("htc-vive-wand", "radio"),
  ])
  func aMinuteOfHeadMotionStaysUnderOneDegree(_ family: String, _ part: String) throws {
    for seed: UInt64 in 1...3 {
      let pairs = try run(
        family, part: part, errors: .consumer(seed: seed), motion: .lookingAround(seed: seed), seconds: 60)
      #expect(pairs.count > 10_000)
      var inclination = 0.0
      var total = 0.0
      // Drift of yaw as a straight line over the minute.
      let yaws = pairs.map { pair -> Double in
        let error = pair.state.worldFromDevice.orientation * pair.truth.worldFromDevice.orientation.conjugate
        return 2 * atan2(error.y, error.w)
      }
      let (offset, slope) = line(yaws)
      for (index, pair) in pairs.enumerated() {
        let error = pair.state.worldFromDevice.orientation * pair.truth.worldFromDevice.orientation.conjugate
        let up = error.rotate(Vector3(0, 1, 0))
        inclination += pow(acos(min(1, up.y)), 2)
        let drift = Quaternion(angle: offset + slope * Double(index), axis: Vector3(0, 1, 0))
        total += pow((drift.conjugate * error).rotationVector.length, 2)
      }
      let inclinationRMS = (inclination / Double(pairs.count)).squareRoot() / degree
      let totalRMS = (total / Double(pairs.count)).squareRoot() / degree
      #expect(inclinationRMS < 1, "\(family), seed \(seed): \(inclinationRMS)°")
      #expect(totalRMS < 1, "\(family), seed \(seed): \(totalRMS)°")
    }
  }

  private func line(_ values: [Double]) -> (offset: Double, slope: Double) {
    let n = Double(values.count)
    var (sx, sy, sxx, sxy) = (0.0, 0.0, 0.0, 0.0)
    for (index, y) in values.enumerated() {
      let x = Double(index)
      (sx, sy, sxx, sxy) = (sx + x, sy + y, sxx + x * x, sxy + x * y)
    }
    let slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    return ((sy - slope * sx) / n, slope)
  }

  @Test func aBiasAtRestIsLearned() throws {
    var errors = InertialErrors.consumer(seed: 5)
    errors.gyroscopeBias = Vector3(3, -2.5, 2) * degree
    let pairs = try run("htc-vive", part: "imu", errors: errors, motion: .still(), seconds: 10)
    let last = try #require(pairs.last)
    #expect(last.state.flags.contains(.atRest))
    let lastSecond = pairs.suffix(1000)
    let mean = lastSecond.reduce(Vector3.zero) { $0 + $1.state.angularVelocity } / Double(lastSecond.count)
    #expect(mean.length < 0.05 * degree)
    // After the bias is known, heading stands still.
    let middle = pairs[pairs.count / 2].state.worldFromDevice.orientation
    #expect(middle.angle(to: last.state.worldFromDevice.orientation) < 0.2 * degree)
  }

  @Test(arguments: [Vector3.zero, Vector3(1.2, 0, 0), Vector3(0, 0, 3.1), Vector3(-1.5, 0.4, -2)])
  func anyAttitudeAtTheStartSettlesWithinASecond(_ attitude: Vector3) throws {
    let pairs = try run(
      "htc-vive", part: "imu", errors: .consumer(seed: 2), motion: .still(attitude: attitude), seconds: 1.1)
    let last = try #require(pairs.last)
    let error = last.state.worldFromDevice.orientation * last.truth.worldFromDevice.orientation.conjugate
    #expect(acos(min(1, error.rotate(Vector3(0, 1, 0)).y)) < 0.5 * degree)
  }

  /// Turning all inputs by a fixed rotation turns the output: nothing prefers an axis of the device.
  @Test func rotatingTheSensorRotatesTheAnswer() {
    let turn = Quaternion(angle: 2.1, axis: Vector3(1, -2, 0.5))
    let motion = HeadMotion.gesturing(seed: 4)
    var plain = OrientationFilter()
    var turned = OrientationFilter()
    for index in 0..<5000 {
      let state = motion.state(at: Double(index) * 0.002)
      plain.update(rate: state.angularVelocity, force: state.specificForce, step: 0.002)
      turned.update(
        rate: turn.rotate(state.angularVelocity), force: turn.rotate(state.specificForce), step: 0.002)
    }
    // Both know up alike; their headings differ by a constant of the start.
    let up = plain.worldFromDevice.conjugate.rotate(Vector3(0, 1, 0))
    let other = turned.worldFromDevice.conjugate.rotate(Vector3(0, 1, 0))
    #expect((turn.rotate(up) - other).length < 1e-9)
  }

  /// No finite input makes a NaN, and the quaternion keeps length one.
  @Test func anyFiniteInputGivesAUnitQuaternion() {
    var random = SeededRandom(seed: 77)
    var filter = OrientationFilter()
    let sizes = [0, 1e-300, 1e-9, 1, 1e3, 1e9, 1e150]
    for _ in 0..<50_000 {
      let rate = random.gaussian3() * (sizes.randomElement(using: &random) ?? 1)
      let force = random.gaussian3() * (sizes.randomElement(using: &random) ?? 1)
      let step = random.uniform() * (sizes.randomElement(using: &random) ?? 1)
      filter.update(rate: rate, force: Bool.random(using: &random) ? force : nil, step: step)
      let q = filter.worldFromDevice.components
      #expect(abs((q * q).sum() - 1) < 1e-12)
    }
  }

  /// Half the rate of turn and of sampling: the same attitudes, twice as slowly. Gravity does not scale, so the
  /// device turns about the vertical, where only the gyroscope has a say.
  @Test func scalingTimeScalesTheAnswer() throws {
    var fast = OrientationFilter()
    var slow = OrientationFilter()
    let up = try #require(Vector3(1, 9, -2).normalized)
    let force = up * standardGravity
    // Not still enough to be a rest, in either time.
    for index in 0..<2000 {
      let rate = up * (1 + sin(Double(index) * 0.05))
      fast.update(rate: rate * 2, force: force, step: 0.001)
      slow.update(rate: rate, force: force, step: 0.002)
    }
    #expect(fast.worldFromDevice.angle(to: slow.worldFromDevice) < 0.05 * degree)
  }

  /// The order of samples that came twice changes nothing.
  @Test func samplesThatComeAgainChangeNothing() {
    let motion = HeadMotion.gesturing(seed: 3)
    var plain = OrientationFilter()
    var doubled = OrientationFilter()
    for index in 0..<3000 {
      let state = motion.state(at: Double(index) * 0.002)
      plain.update(rate: state.angularVelocity, force: state.specificForce, step: 0.002)
      doubled.update(rate: state.angularVelocity, force: state.specificForce, step: 0.002)
      if index % 20 == 0 {
        doubled.update(rate: state.angularVelocity, force: state.specificForce, step: 0)
      }
    }
    #expect(plain.worldFromDevice == doubled.worldFromDevice)
  }

  /// A twentieth of the samples lost: straight lines between the neighbours fill in.
  @Test(arguments: [200.0, 1000, 2000]) func lostSamplesCostLittle(_ frequency: Double) {
    var random = SeededRandom(seed: 8)
    let motion = HeadMotion.gesturing(seed: 3)
    var filter = OrientationFilter()
    var last = -1 / frequency
    var worst = 0.0
    for index in 0..<Int(20 * frequency) {
      let time = Double(index) / frequency
      let state = motion.state(at: time)
      if index > 10, random.uniform() < 0.05 { continue }
      filter.update(rate: state.angularVelocity, force: state.specificForce, step: time - last)
      last = time
      guard time > 2 else { continue }
      let up = (filter.worldFromDevice * state.worldFromDevice.orientation.conjugate).rotate(Vector3(0, 1, 0))
      worst = max(worst, acos(min(1, up.y)))
    }
    #expect(worst < 1.5 * degree, "\(worst / degree)°")
  }

  @Test func aSaturatedAccelerometerIsNotBelieved() {
    var filter = OrientationFilter()
    for _ in 0..<1000 { filter.update(rate: .zero, force: Vector3(0, 9.81, 0), step: 0.001) }
    let before = filter.worldFromDevice
    for _ in 0..<500 { filter.update(rate: .zero, force: nil, step: 0.001) }
    #expect(filter.worldFromDevice.angle(to: before) < 1e-9)
  }

  @Test func sameInputsGiveTheSameBits() throws {
    let first = try run("oculus-dk2", part: nil, errors: .consumer(seed: 9), motion: .gesturing(), seconds: 5)
    let second = try run(
      "oculus-dk2", part: nil, errors: .consumer(seed: 9), motion: .gesturing(), seconds: 5)
    #expect(first.count == second.count)
    for (a, b) in zip(first, second) {
      #expect(a.state.worldFromDevice == b.state.worldFromDevice && a.state.captured == b.state.captured)
    }
  }

  @Test func recentringMakesForwardTheWorldsForward() {
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: 100, clock: nil, origin: .hardware)
    // A turn of 90° to the left within a second, then rest.
    for index in 0..<300 {
      let rate = index < 100 ? Vector3(0, .pi / 2, 0) : .zero
      _ = tracker.process(
        InertialSample(
          received: Timestamp(nanoseconds: Int64(index) * 10_000_000), angularVelocity: rate,
          specificForce: Vector3(0, standardGravity, 0)))
    }
    tracker.recenter()
    #expect(tracker.history.count == 0)
    let state = tracker.process(
      InertialSample(
        received: Timestamp(nanoseconds: 4_000_000_000), angularVelocity: .zero,
        specificForce: Vector3(0, standardGravity, 0)))
    let forward = state?.worldFromDevice.orientation.rotate(Vector3(0, 0, -1)) ?? .zero
    #expect((forward - Vector3(0, 0, -1)).length < 0.02)
  }
}
