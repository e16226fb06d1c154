import Spatial
import Testing

/// The one-euro filter for scalars, vectors and rotations.
struct OneEuroFilterTests {
  private func stamp(_ frame: Int, rate: Double = 60) -> Timestamp {
    Timestamp(nanoseconds: Int64((Double(frame) / rate * 1e9).rounded()))
  }

  /// Values computed by the algorithm in the appendix of the paper, with the derivative of unfiltered values taken
  /// against the last filtered one: minimum cutoff 1 Hz, beta 0.5, derivative cutoff 1 Hz, 100 Hz.
  @Test func aScalarFollowsThePaper() {
    var filter = OneEuroFilter<Double>(minimumCutoff: 1, beta: 0.5)
    var (estimate, speed) = (0.0, 0.0)
    func weight(_ cutoff: Double) -> Double {
      let tau = 1 / (2 * Double.pi * cutoff)
      return 1 / (1 + tau / 0.01)
    }
    for (frame, value) in [0, 1, 2, 4, 3, 3, -1, 0].map(Double.init).enumerated() {
      let filtered = filter.update(value, at: stamp(frame, rate: 100))
      if frame > 0 {
        speed = weight(1) * (value - estimate) / 0.01 + (1 - weight(1)) * speed
        let share = weight(1 + 0.5 * abs(speed))
        estimate = share * value + (1 - share) * estimate
      }
      #expect(abs(filtered - estimate) < 1e-12)
    }
  }

  @Test func jitterAtRestIsRemoved() {
    var random = SeededRandom(seed: 7)
    var position = OneEuroFilter<Vector3>(minimumCutoff: 1.5, beta: 5)
    var rotation = OneEuroFilter<Quaternion>(minimumCutoff: 1.5, beta: 2)
    var (raw, moved, turned) = (0.0, 0.0, 0.0)
    for frame in 0..<600 {
      let noise = random.gaussian3() * 0.002
      let smooth = position.update(noise, at: stamp(frame))
      let rotated = rotation.update(Quaternion(rotationVector: noise), at: stamp(frame))
      guard frame > 100 else { continue }
      raw += noise.squaredLength
      moved += smooth.squaredLength
      turned += rotated.rotationVector.squaredLength
    }
    #expect(moved < 0.2 * raw)
    #expect(turned < 0.2 * raw)
  }

  /// A larger beta reduces the lag behind a steady motion.
  @Test func lagFallsWithSpeed() {
    func lag(beta: Double) -> (metres: Double, radians: Double) {
      var position = OneEuroFilter<Vector3>(minimumCutoff: 1, beta: beta)
      var rotation = OneEuroFilter<Quaternion>(minimumCutoff: 1, beta: beta)
      var result = (0.0, 0.0)
      for frame in 0..<240 {
        let truth = Vector3(0, Double(frame) / 60, 0)
        let turn = Quaternion(rotationVector: truth)
        result = (
          (truth - position.update(truth, at: stamp(frame))).length,
          turn.angle(to: rotation.update(turn, at: stamp(frame)))
        )
      }
      return result
    }
    let (slow, quick) = (lag(beta: 0), lag(beta: 15))
    #expect(abs(slow.metres - 1 / (2 * .pi)) < 0.01)
    #expect(abs(slow.radians - 1 / (2 * .pi)) < 0.01)
    #expect(quick.metres < 0.02 && quick.radians < 0.02)
  }

  @Test func rotationsTakeTheShortestArc() {
    var filter = OneEuroFilter<Quaternion>(minimumCutoff: 1, beta: 0)
    let turn = Quaternion(angle: 0.1, axis: Vector3(0, 1, 0))
    _ = filter.update(turn, at: stamp(0))
    let same = filter.update(Quaternion(x: -turn.x, y: -turn.y, z: -turn.z, w: -turn.w), at: stamp(1))
    #expect(same.angle(to: turn) < 1e-12)
  }

  @Test func gapsRestartAndOldValuesAreIgnored() {
    var filter = OneEuroFilter<Double>(minimumCutoff: 1, beta: 0)
    #expect(filter.update(1, at: stamp(10)) == 1)
    #expect(filter.update(5, at: stamp(10)) == 1)
    #expect(filter.update(5, at: stamp(9)) == 1)
    #expect(filter.update(5, at: stamp(10 + 60)) == 5)
  }
}
