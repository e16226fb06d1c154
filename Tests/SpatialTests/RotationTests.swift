import Spatial
import Testing

struct RotationTests {
  private func quaternions() -> [Quaternion] {
    var random = SystemRandomNumberGenerator()
    return (0..<200).map { _ in
      Quaternion(
        x: .random(in: -1...1, using: &random), y: .random(in: -1...1, using: &random),
        z: .random(in: -1...1, using: &random), w: .random(in: -1...1, using: &random)
      ).normalized
    }
  }

  @Test func aQuarterTurnAboutYTakesForwardToLeft() {
    let turn = Quaternion(angle: .pi / 2, axis: Vector3(0, 1, 0))
    let left = turn.rotate(Vector3(0, 0, -1))
    #expect((left - Vector3(-1, 0, 0)).length < 1e-15)
  }

  @Test func exponentialAndLogarithmAreInverse() {
    for q in quaternions() {
      let back = Quaternion(rotationVector: q.rotationVector)
      #expect(back.angle(to: q) < 1e-12)
    }
  }

  @Test func smallAndLargeRotationVectorsMeetAtTheSeriesLimit() {
    for length in [0.0099999, 0.0100001] {
      let q = Quaternion(rotationVector: Vector3(length, 0, 0))
      let exact = Quaternion(angle: length, axis: Vector3(1, 0, 0))
      #expect((q.components - exact.components).max() < 1e-16)
    }
  }

  @Test func productRotatesLikeOneAfterTheOther() {
    let v = Vector3(0.3, -2, 5)
    for (a, b) in zip(quaternions(), quaternions()) {
      #expect(((a * b).rotate(v) - a.rotate(b.rotate(v))).length < 1e-12)
      #expect(abs((a * b).rotate(v).length - v.length) < 1e-12)
    }
  }

  @Test func shortestTurnTakesOneDirectionToTheOther() {
    let from = Vector3(1, 2, 3)
    for to in [Vector3(3, -1, 0), Vector3(-1, -2, -3), Vector3(1, 2, 3), Vector3(0, 0, 1)] {
      let turned = Quaternion(from: from, to: to).rotate(from).normalized ?? .zero
      #expect((turned - (to.normalized ?? .zero)).length < 1e-7)
    }
  }

  @Test func interpolationIsHalfwayAtOneHalf() {
    let a = Quaternion.identity
    let b = Quaternion(angle: 1, axis: Vector3(0, 0, 1))
    #expect(abs(a.interpolated(to: b, fraction: 0.5).angle(to: b) - 0.5) < 1e-12)
  }

  @Test func degenerateInputGivesTheIdentityAndNoNaN() {
    #expect(Quaternion(x: 0, y: 0, z: 0, w: 0).normalized == .identity)
    #expect(Quaternion(x: .nan, y: 0, z: 0, w: 0).normalized == .identity)
    #expect(Quaternion(angle: 1, axis: .zero) == .identity)
    #expect(Quaternion(from: .zero, to: Vector3(0, 1, 0)) == .identity)
  }

  @Test func poseInverseUndoesThePose() {
    let pose = Pose(position: Vector3(1, 2, 3), orientation: Quaternion(angle: 2, axis: Vector3(1, 1, 0)))
    let back = (pose.inverse * pose).transform(Vector3(5, 6, 7))
    #expect((back - Vector3(5, 6, 7)).length < 1e-12)
  }

  @Test func matrixInverse() throws {
    let matrix = Matrix3(Vector3(2, 0, 1), Vector3(0, 3, 0), Vector3(1, 0, 1))
    let inverse = try #require(matrix.inverse)
    let v = Vector3(4, -5, 6)
    #expect((inverse * (matrix * v) - v).length < 1e-12)
    #expect(Matrix3(.zero, .zero, .zero).inverse == nil)
  }

  @Test func timestampsSaturate() {
    let end = Timestamp(nanoseconds: .max)
    #expect(end.advanced(byNanoseconds: 1) == end)
    #expect(end.advanced(bySeconds: .infinity) == end)
    #expect(end.advanced(bySeconds: .nan) == end)
    #expect(Timestamp(nanoseconds: .min).seconds(since: end) < -9e9)
  }
}
