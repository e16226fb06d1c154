import DeviceEmulation
import Spatial
import Testing

@testable import Tracking

struct BodyAlignmentTests {
  private let degree = Double.pi / 180

  private func alignment(
    seed: UInt64, motion: HeadMotion, deviceFromBody: Quaternion, worldFromLevel: Quaternion, noise: Double,
    delay: Double = 0
  ) -> HandEyeCalibration {
    var random = SeededRandom(seed: seed)
    var alignment = HandEyeCalibration()
    // The bridge's heading is not the tracker's, and drifts a little.
    for frame in 0..<600 {
      let time = 3 + Double(frame) / 60
      let truth = motion.state(at: time).worldFromDevice.orientation
      let late = motion.state(at: time - delay).worldFromDevice.orientation
      let heading = Quaternion(angle: 1.1 + 5e-6 * Double(frame), axis: Vector3(0, 1, 0))
      let turn = Quaternion(rotationVector: random.gaussian3() * noise)
      alignment.add(
        Timestamp(nanoseconds: Int64(time * 1e9)),
        worldFromBody: (worldFromLevel * turn * late * deviceFromBody).normalized,
        worldFromDevice: (heading * truth).normalized)
    }
    return alignment
  }

  @Test func axesAndWorldAreFoundWhateverTheyAre() throws {
    var random = SeededRandom(seed: 8)
    for seed in 0..<30 {
      let deviceFromBody = Quaternion(rotationVector: random.gaussian3() * 2)
      // Z up, as many trackers have it, then anything.
      let worldFromLevel =
        seed == 0
        ? Quaternion(angle: .pi / 2, axis: Vector3(1, 0, 0))
        : Quaternion(rotationVector: random.gaussian3() * 2)
      let solution = try alignment(
        seed: UInt64(seed), motion: .gesturing(seed: UInt64(seed)), deviceFromBody: deviceFromBody,
        worldFromLevel: worldFromLevel, noise: 0.2 * degree
      ).solve()
      #expect(solution.deviceFromBody.angle(to: deviceFromBody) < 0.8 * degree)
      let up = solution.levelFromWorld.rotate(worldFromLevel.rotate(Vector3(0, 1, 0)))
      #expect(up.y > 1 - 0.0001, "\(up)")
      #expect(solution.residual < 0.6 * degree && solution.turns > 50)
      if seed == 0 {
        // Exactly, so that all devices have one world.
        #expect((solution.levelFromWorld.rotate(Vector3(1, 2, 3)) - Vector3(1, 3, -2)).length < 1e-12)
        #expect(solution.lean > 0 && solution.lean < 1 * degree)
      }
    }
  }

  @Test func withoutNoiseItIsExact() throws {
    let deviceFromBody = Quaternion(rotationVector: Vector3(0.4, -2.9, 0.3))
    let solution = try alignment(
      seed: 1, motion: .gesturing(), deviceFromBody: deviceFromBody, worldFromLevel: .identity, noise: 0
    ).solve()
    #expect(solution.deviceFromBody.angle(to: deviceFromBody) < 0.01 * degree)
    #expect(solution.levelFromWorld.angle(to: .identity) < 1e-12 && solution.lean < 0.05 * degree)
  }

  @Test(arguments: [-0.034, 0, 0.012, 0.067, 0.13])
  func aDelayIsFoundToo(_ delay: Double) throws {
    let motion = HeadMotion.gesturing(seed: 5)
    let deviceFromBody = Quaternion(rotationVector: Vector3(1, -0.5, 0.3))
    var random = SeededRandom(seed: 2)
    var alignment = DelayedAlignment()
    for frame in 0..<600 {
      let time = 3 + Double(frame) / 60
      let body = motion.state(at: time).worldFromDevice.orientation * deviceFromBody
      let noise = Quaternion(rotationVector: random.gaussian3() * (0.2 * degree))
      alignment.add(
        Timestamp(nanoseconds: Int64((time + delay) * 1e9)), worldFromBody: (noise * body).normalized
      ) { asked in motion.state(at: Double(asked.nanoseconds) * 1e-9).worldFromDevice.orientation }
    }
    let (solution, found) = try alignment.solve()
    #expect(abs(found - delay) < 0.002, "\(found)")
    #expect(solution.deviceFromBody.angle(to: deviceFromBody) < 1 * degree)
    // Without any turn the reason is told.
    #expect(throws: HandEyeCalibrationError.tooFewTurns(0)) { try DelayedAlignment().solve() }
  }

  @Test func ambiguousRotationsThrow() {
    func error(_ alignment: HandEyeCalibration) -> HandEyeCalibrationError? {
      do {
        _ = try alignment.solve()
        return nil
      } catch { return error }
    }
    #expect(error(HandEyeCalibration()) == .tooFewTurns(0))
    // At rest nothing turns.
    let still = alignment(
      seed: 1, motion: .still(), deviceFromBody: .identity, worldFromLevel: .identity, noise: 1e-3)
    #expect(error(still) == .tooFewTurns(0))
    var one = HandEyeCalibration()
    var strange = HandEyeCalibration()
    var random = SeededRandom(seed: 3)
    for frame in 0..<300 {
      let time = Timestamp(nanoseconds: Int64(frame) * 16_000_000)
      let nod = Quaternion(angle: Double(frame) * 0.03, axis: Vector3(1, 0, 0))
      one.add(time, worldFromBody: nod, worldFromDevice: nod)
      let device = Quaternion(rotationVector: random.gaussian3())
      strange.add(
        time, worldFromBody: Quaternion(rotationVector: random.gaussian3()), worldFromDevice: device)
    }
    #expect(error(one) == .oneAxis)
    if case .doNotMatch = error(strange) {} else { Issue.record("\(String(describing: error(strange)))") }
    // A quarter of a second late.
    let late = alignment(
      seed: 1, motion: .gesturing(), deviceFromBody: .identity, worldFromLevel: .identity, noise: 0,
      delay: 0.25)
    if case .doNotMatch = error(late) {} else { Issue.record("\(String(describing: error(late)))") }
    // Numbers that are none do no harm.
    var broken = HandEyeCalibration()
    for frame in 0..<100 {
      broken.add(
        Timestamp(nanoseconds: Int64(frame) * 16_000_000),
        worldFromBody: Quaternion(x: .nan, y: 0, z: 0, w: 1),
        worldFromDevice: Quaternion(angle: Double(frame) * 0.1, axis: Vector3(1, 0, 0)))
    }
    #expect(error(broken) == .tooFewTurns(0))
  }
}
