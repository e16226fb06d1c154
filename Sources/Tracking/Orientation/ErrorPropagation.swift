import Spatial

extension BlockCovariance {
  /// Carries the covariance of the orientation filter's error over one interval.
  ///
  /// Attitude errors grow with those of the rate (θ' = θ − ΣAₗ uₗ, with u the bias and the columns of the response
  /// error); a wrong tilt accelerates (v' = v − [lift·Y]× θ'); position follows (p' = p + t·(v' + ½[lift·Y]× θ')).
  ///
  /// - Parameters:
  ///   - rotation: integrals of world-from-device, s, and of the same times each component of the rate, rad.
  ///   - lift: m/s, gravity times time.
  @inline(__always)
  mutating func propagate(rotation: InlineArray<4, Matrix3>, lift: Double, time: Double) {
    typealias Block = OrientationFilter.Block
    @inline(__always) func parameter(_ l: Int) -> Int { l == 0 ? Block.bias : Block.response + l - 1 }
    /// [lift·Y]× from the left and its transpose from the right.
    @inline(__always) func swing(_ m: Matrix3) -> Matrix3 { Matrix3(m.row2 * lift, .zero, m.row0 * -lift) }
    @inline(__always) func swing(_ v: Vector3) -> Vector3 { Vector3(v.z, 0, -v.x) * lift }
    @inline(__always) func swungRight(_ m: Matrix3) -> Matrix3 {
      Matrix3(swing(m.row0), swing(m.row1), swing(m.row2))
    }

    edit { view in
      // Attitude.
      var attitude = view[0, 0]
      var attitudeVelocity = view[0, 2]
      var attitudePosition = view[0, 3]
      for l in 0..<4 {
        let k = parameter(l)
        attitude -= rotation[l] * view[k, 0]
        attitudeVelocity -= rotation[l] * view[k, 2]
        attitudePosition -= rotation[l] * view[k, 3]
      }
      for m in 0..<4 {
        let k = parameter(m)
        var block = view[0, k]
        for l in 0..<4 { block -= rotation[l] * view[parameter(l), k] }
        view[0, k] = block
      }
      for l in 0..<4 { attitude -= view[0, parameter(l)] * rotation[l].transposed }

      // Velocity.
      var velocity = view[2, 2]
      let cross = swing(attitudeVelocity)
      velocity = velocity - cross - cross.transposed + swungRight(swing(attitude))
      var velocityPosition = view[2, 3] - swing(attitudePosition)
      attitudeVelocity -= swungRight(attitude)

      // Position, by way of u = v' + ½[lift·Y]× θ'.
      let half = swing(attitude) * 0.5
      let meanAttitude = attitudeVelocity.transposed + half
      let meanPosition = velocityPosition + swing(attitudePosition) * 0.5
      let crossMean = swing(attitudeVelocity) * 0.5
      let meanMean = velocity + crossMean + crossMean.transposed + swungRight(swing(attitude)) * 0.25
      let position =
        view[3, 3] + (meanPosition + meanPosition.transposed) * time + meanMean * (time * time)
      attitudePosition += meanAttitude.transposed * time
      velocityPosition += (velocity + swungRight(attitudeVelocity.transposed) * 0.5) * time

      for m in 0..<4 {
        let k = parameter(m)
        let turned = swing(view[0, k])
        let block = view[2, k] - turned
        view[2, k] = block
        view[3, k] += (block + turned * 0.5) * time
      }
      view[0, 0] = attitude
      view[0, 2] = attitudeVelocity
      view[0, 3] = attitudePosition
      view[2, 2] = velocity
      view[2, 3] = velocityPosition
      view[3, 3] = position
    }
  }
}
