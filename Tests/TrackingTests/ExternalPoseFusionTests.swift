import DeviceEmulation
import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

/// A device whose place others measure: late, noisy, and not always.
struct PlacedDeviceTests {
  private let degree = Double.pi / 180
  /// Where the unit sits in the device.
  private let deviceFromUnit = Pose(
    position: Vector3(0.03, 0.05, -0.08), orientation: Quaternion(angle: 0.7, axis: Vector3(1, 2, -1)))

  /// A head with a unit that is off its middle and biased by 3 °/s, and somebody who measures it.
  private struct Scene {
    var tracker: DeviceTracker
    let deviceFromUnit: Pose
    let motion: HeadMotion
    var random = SeededRandom(seed: 9)
    var index = 0
    var waiting: [(arrives: Double, measurement: PoseMeasurement)] = []
    var outcomes: [PositionFilter.Outcome] = []
    var innovations: [Double] = []
    /// Seconds until a measurement comes, on average.
    var delay = 0.025
    /// m and rad, one standard deviation of each axis.
    var noise = (position: 0.001, orientation: 0.2 * Double.pi / 180)
    var hasOrientation = true
    /// The measured point, in the device's axes.
    var point = Vector3(0.01, 0.04, 0.02)

    init(deviceFromUnit: Pose, motion: HeadMotion = .lookingAround(seed: 4)) {
      self.deviceFromUnit = deviceFromUnit
      self.motion = motion
      var calibration = InertialCalibration()
      calibration.deviceFromUnit = deviceFromUnit
      tracker = DeviceTracker(calibration: calibration, sampleRate: 1000, clock: nil, origin: .hardware)
      tracker.bodyModel = .neck
    }

    var time: Double { Double(index) / 1000 }
    static func stamp(_ seconds: Double) -> Timestamp {
      Timestamp(nanoseconds: 1_000_000 + Int64((seconds * 1e9).rounded()))
    }

    /// The motion is the unit's; the device is where that puts it.
    func truth(_ time: Double) -> (device: Pose, state: HeadMotion.State) {
      let state = motion.state(at: time)
      let turn = (state.worldFromDevice.orientation * deviceFromUnit.orientation.conjugate).normalized
      let place = state.worldFromDevice.position - turn.rotate(deviceFromUnit.position)
      return (Pose(position: place, orientation: turn), state)
    }

    mutating func step(isMeasured: Bool) -> TrackedState? {
      let (device, state) = truth(time)
      if isMeasured, index % 17 == 0 {
        let shift = random.gaussian3() * noise.position
        let turn = Quaternion(rotationVector: random.gaussian3() * noise.orientation)
        waiting.append(
          (
            time + delay * (0.6 + 0.8 * random.uniform()),
            PoseMeasurement(
              captured: Self.stamp(time),
              position: device.position + device.orientation.rotate(point) + shift,
              positionNoise: noise.position, orientation: hasOrientation ? turn * device.orientation : nil,
              orientationNoise: noise.orientation, point: point)
          ))
      }
      for entry in waiting where entry.arrives <= time {
        outcomes.append(tracker.measure(entry.measurement))
        if outcomes.last == .used { innovations.append(tracker.positionInnovation) }
      }
      let now = time
      waiting.removeAll { $0.arrives <= now }
      defer { index += 1 }
      return tracker.process(
        InertialSample(
          received: Self.stamp(time),
          angularVelocity: state.angularVelocity + Vector3(0.03, -0.04, 0.02) + random.gaussian3() * 0.002,
          specificForce: state.specificForce + random.gaussian3() * 0.02))
    }
  }

  private func rms(_ values: [Double]) -> Double {
    (values.reduce(0) { $0 + $1 * $1 } / Double(max(1, values.count))).squareRoot()
  }

  @Test func aMeasuredDeviceIsWhereItWasMeasured() throws {
    var scene = Scene(deviceFromUnit: deviceFromUnit)
    // Before anybody measures it is where its neck puts it.
    var before: TrackedState?
    for _ in 0..<1500 { before = scene.step(isMeasured: false) ?? before }
    #expect(before?.flags.contains(.positionModelled) == true)
    var errors: (place: [Double], turn: [Double], speed: [Double], claimed: [Double]) = ([], [], [], [])
    var newest: TrackedState?
    for _ in 0..<20_000 {
      let (device, truth) = scene.truth(scene.time)
      guard let state = scene.step(isMeasured: true) else { continue }
      newest = state
      guard scene.time > 6 else { continue }
      let arm = device.position - truth.worldFromDevice.position
      let rate = truth.worldFromDevice.orientation.rotate(truth.angularVelocity)
      errors.place.append((state.worldFromDevice.position - device.position).length)
      errors.turn.append(state.worldFromDevice.orientation.angle(to: device.orientation))
      errors.speed.append((state.linearVelocity - truth.linearVelocity - rate.cross(arm)).length)
      errors.claimed.append(state.uncertainty.position * 3.squareRoot())
    }
    #expect(rms(errors.place) < 0.0015, "\(rms(errors.place)) m")
    #expect(rms(errors.turn) < 0.25 * degree, "\(rms(errors.turn) / degree)°")
    #expect(rms(errors.speed) < 0.02, "\(rms(errors.speed)) m/s")
    // It says as much.
    let honesty = rms(errors.place) / rms(errors.claimed)
    #expect(honesty > 0.5 && honesty < 1.5, "\(honesty)")
    let consistency = scene.innovations.reduce(0, +) / Double(scene.innovations.count) / 3
    #expect(consistency > 0.6 && consistency < 1.5, "\(consistency)")
    let flags = try #require(newest?.flags)
    #expect(flags.contains([.positionValid, .positionTracked]) && !flags.contains(.positionModelled))
    #expect(scene.outcomes.first == .started)
    // What is older than the first has nothing to stand on.
    #expect(scene.outcomes.dropFirst(3).allSatisfy { $0 == .used })
    // Its world is the measurements'; to look ahead is for devices that have none.
    let place = newest?.worldFromDevice
    scene.tracker.recenter()
    let after = scene.step(isMeasured: true)?.worldFromDevice
    #expect(try #require(place).orientation.angle(to: #require(after).orientation) < 1 * degree)
  }

  @Test func placesAloneAreEnoughForAHeadThatMoves() {
    var scene = Scene(deviceFromUnit: deviceFromUnit, motion: .gesturing(seed: 12))
    scene.hasOrientation = false
    for _ in 0..<15_000 { _ = scene.step(isMeasured: true) }
    var (place, turn): ([Double], [Double]) = ([], [])
    for _ in 0..<10_000 {
      let truth = scene.truth(scene.time).device
      guard let state = scene.step(isMeasured: true) else { continue }
      place.append((state.worldFromDevice.position - truth.position).length)
      turn.append(state.worldFromDevice.orientation.angle(to: truth.orientation))
    }
    #expect(rms(place) < 0.003, "\(rms(place)) m")
    #expect(rms(turn) < 1.5 * degree, "\(rms(turn) / degree)°")
  }

  @Test func whenNobodyMeasuresThePlaceIsHeldAndTheAttitudeGoesOn() throws {
    var scene = Scene(deviceFromUnit: deviceFromUnit)
    for _ in 0..<10_000 { _ = scene.step(isMeasured: true) }
    var last: TrackedState?
    var (largest, tilts, turns): (Double, [Double], [Double]) = (0, [], [])
    var held: Vector3?
    // Half a minute in the dark.
    for millisecond in 0..<30_000 {
      let (device, truth) = scene.truth(scene.time)
      let stepped = scene.step(isMeasured: false)
      let state = try #require(stepped)
      if let last {
        let moved = state.worldFromDevice.orientation.angle(to: last.worldFromDevice.orientation)
        largest = max(largest, moved - truth.angularVelocity.length * 0.001)
      }
      last = state
      let isTracked = state.flags.contains(.positionTracked)
      #expect(state.flags.contains(.positionValid) && !state.flags.contains(.positionModelled))
      #expect(isTracked == (millisecond < 2450) || abs(millisecond - 2480) < 40)
      guard millisecond > 3000 else { continue }
      held = held ?? state.worldFromDevice.position
      // The unit's place is held; the device about it turns.
      #expect((state.worldFromDevice.position - (held ?? .zero)).length < 2 * deviceFromUnit.position.length)
      let up = state.worldFromDevice.orientation.conjugate.rotate(Vector3(0, 1, 0))
      let trueUp = device.orientation.conjugate.rotate(Vector3(0, 1, 0))
      tilts.append(acos(min(1, up.dot(trueUp))))
      turns.append(state.worldFromDevice.orientation.angle(to: device.orientation))
    }
    #expect(largest < 0.1 * degree, "\(largest / degree)° in a millisecond")
    #expect(rms(tilts) < 0.7 * degree, "\(rms(tilts) / degree)°")
    #expect(rms(turns) < 2 * degree, "\(rms(turns) / degree)°")
    // They measure again: no jump that an eye would see, and soon all is well.
    var jump = 0.0
    for _ in 0..<3000 {
      let before = last?.worldFromDevice
      let stepped = scene.step(isMeasured: true)
      let state = try #require(stepped)
      if let before {
        jump = max(jump, state.worldFromDevice.orientation.angle(to: before.orientation))
      }
      last = state
    }
    #expect(jump < 0.5 * degree, "\(jump / degree)°")
    let truth = scene.truth(scene.time - 0.001).device
    let end = try #require(last)
    #expect(end.flags.contains(.positionTracked))
    #expect((end.worldFromDevice.position - truth.position).length < 0.005)
    #expect(end.worldFromDevice.orientation.angle(to: truth.orientation) < 0.7 * degree)
  }

  /// Dead reckoning with a tilt that is hardly known would take it through the wall.
  @Test func aPlaceThatIsBadlyKnownIsNotCarriedFar() throws {
    for seed in 0..<10 {
      var scene = Scene(deviceFromUnit: deviceFromUnit, motion: .lookingAround(seed: UInt64(seed)))
      scene.noise = (0.1, 0.3)
      for _ in 0..<2_000 { _ = scene.step(isMeasured: true) }
      var last: TrackedState?
      for _ in 0..<5_000 { last = scene.step(isMeasured: false) ?? last }
      let held = try #require(last)
      #expect(!held.flags.contains(.positionTracked) && held.flags.contains(.positionValid))
      let truth = scene.motion.center
      #expect(
        (held.worldFromDevice.position - truth).length < 0.8, "\(seed): \(held.worldFromDevice.position)")
    }
  }

  @Test func afterAMinuteADeviceIsAgainOneThatHasOnlyAnAttitude() throws {
    var scene = Scene(deviceFromUnit: deviceFromUnit)
    for _ in 0..<5_000 { _ = scene.step(isMeasured: true) }
    var last: TrackedState?
    var jump = 0.0
    for _ in 0..<62_000 {
      guard let state = scene.step(isMeasured: false) else { continue }
      if let last {
        jump = max(jump, state.worldFromDevice.orientation.angle(to: last.worldFromDevice.orientation))
      }
      last = state
    }
    #expect(last?.flags.contains(.positionModelled) == true)
    #expect(jump < 0.5 * degree, "\(jump / degree)°")
    scene.tracker.recenter()
    let stepped = scene.step(isMeasured: false)
    let state = try #require(stepped)
    let ahead = state.worldFromDevice.orientation.rotate(Vector3(0, 0, -1))
    #expect(abs(ahead.x) < 0.02 && ahead.z < 0)
  }

  @Test func aStateThatIsTakenOutGoesOnBitForBit() throws {
    for (steps, isMeasured) in [(700, false), (3_000, true), (7_000, true)] {
      var scene = Scene(deviceFromUnit: deviceFromUnit)
      for _ in 0..<steps { _ = scene.step(isMeasured: isMeasured) }
      // The last also in the dark.
      if steps == 7_000 { for _ in 0..<4_000 { _ = scene.step(isMeasured: false) } }
      let archive = StateArchive()
      scene.tracker.archive(archive)
      var other = Scene(deviceFromUnit: deviceFromUnit)
      let reading = StateArchive(words: archive.words)
      other.tracker.archive(reading)
      try reading.finish()
      (other.index, other.waiting, other.random) = (scene.index, scene.waiting, scene.random)
      for _ in 0..<1_000 {
        let (a, b) = (scene.step(isMeasured: true), other.step(isMeasured: true))
        #expect(a?.worldFromDevice == b?.worldFromDevice && a?.linearVelocity == b?.linearVelocity)
        #expect(a?.flags == b?.flags && a?.captured == b?.captured)
      }
    }
  }

  @Test func whateverIsMeasuredTheStateStaysFinite() {
    var random = SeededRandom(seed: 77)
    for seed in 0..<40 {
      var scene = Scene(deviceFromUnit: deviceFromUnit, motion: .gesturing(seed: UInt64(seed)))
      for _ in 0..<1_500 {
        if random.uniform() < 0.05 {
          func number() -> Double {
            [0, 1, -1, 1e-9, 9_999, 1e200, .nan, .infinity][Int(random.uniform() * 8)] * random.gaussian()
          }
          let turn = Quaternion(rotationVector: random.gaussian3())
          _ = scene.tracker.measure(
            PoseMeasurement(
              captured: Scene.stamp(
                scene.time + [0, -0.03, -0.5, 0.2, -100, 1e9][Int(random.uniform() * 6)]),
              position: Vector3(number(), number(), number()), positionNoise: abs(number()),
              orientation: random.uniform() < 0.5
                ? nil : random.uniform() < 0.8 ? turn : Quaternion(x: 0, y: number(), z: 0, w: 1),
              orientationNoise: abs(number()), point: Vector3(number(), 0, number())))
        }
        guard let state = scene.step(isMeasured: seed % 2 == 0) else { continue }
        let q = state.worldFromDevice.orientation.components
        #expect(abs((q * q).sum() - 1) < 1e-12 && state.worldFromDevice.position.isFinite)
        #expect(state.linearVelocity.isFinite && state.angularVelocity.isFinite)
      }
    }
  }

  @Test func whatIsOfAnotherTimeBeginsNothing() {
    var scene = Scene(deviceFromUnit: deviceFromUnit)
    for _ in 0..<1_000 { _ = scene.step(isMeasured: false) }
    for age in [-50, -0.2, 0.6, 50.0] {
      let measurement = PoseMeasurement(
        captured: Scene.stamp(scene.time - age), position: Vector3(1, 2, 3), positionNoise: 0.01)
      #expect(scene.tracker.measure(measurement) == .unusable, "\(age) s old")
      #expect(scene.step(isMeasured: false)?.flags.contains(.positionModelled) == true)
    }
  }

  @Test func aDeviceThatFusesItselfTakesNone() {
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: 100, clock: nil, origin: .hardware)
    let measurement = PoseMeasurement(
      captured: Scene.stamp(1), position: Vector3(1, 2, 3), positionNoise: 0.01)
    #expect(tracker.measure(measurement) == .unusable)
    _ = tracker.process(OrientationSample(received: Scene.stamp(1), worldFromDevice: .identity))
    #expect(tracker.measure(measurement) == .unusable)
  }
}
