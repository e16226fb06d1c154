import Spatial

extension PositionFilter {
  /// Sums over the samples of one step of the covariance.
  struct Step {
    var time = 0.0
    var rotation = Matrix3.zero
    /// Integrals of rotation times each component of the rate.
    var rotationRate = (x: Matrix3.zero, y: Matrix3.zero, z: Matrix3.zero)
    var push = Vector3.zero
    var squaredRate = 0.0
    var squaredAcceleration = 0.0
    var squaredForceChange = 0.0
    var squaredRateChange = 0.0

    mutating func add(_ state: State, _ seconds: Double) {
      time += seconds
      let turned = state.worldFromUnit.orientation.matrix * seconds
      rotation += turned
      rotationRate.x += turned * state.rate.x
      rotationRate.y += turned * state.rate.y
      rotationRate.z += turned * state.rate.z
      push += (state.acceleration + Vector3(0, standardGravity, 0)) * seconds
      squaredRate += state.rate.squaredLength * seconds
      squaredAcceleration += state.acceleration.squaredLength * seconds
      squaredForceChange += state.changed.force * seconds * seconds
      squaredRateChange += state.changed.rate * seconds * seconds
    }
  }
}

extension BlockCovariance {
  /// Carries the covariance of the position filter's error over one step.
  ///
  /// θ' = θ − ∫R·b, v' = v − [∫f]×θ − ∫R·a, p' = p + t·v (errors of attitude in world axes; b and a the biases).
  mutating func propagate(_ step: PositionFilter.Step, _ settings: PositionSettings) {
    typealias Block = PositionFilter.Block
    let rotation = step.rotation
    let swing = Matrix3.cross(step.push)
    let time = step.time
    edit { view in
      // One row of transitions after another; each also acts on its own column.
      func add(_ target: Int, _ factor: Matrix3, _ source: Int) {
        for j in 0..<view.order where j != target { view[target, j] += factor * view[source, j] }
        let cross = factor * view[source, target]
        // The cross block was updated above, so that factor · P(source, target) holds one quadratic term.
        view[target, target] =
          view[target, target] + cross + cross.transposed
          - factor * view[source, source] * factor.transposed
      }
      add(Block.position, .identity * time, Block.velocity)
      add(Block.position, swing * (-0.5 * time), Block.attitude)
      add(Block.position, rotation * (-0.5 * time), Block.accelerometerBias)
      add(Block.velocity, swing * -1, Block.attitude)
      add(Block.velocity, rotation * -1, Block.accelerometerBias)
      add(Block.attitude, rotation * -1, Block.gyroscopeBias)
      add(Block.attitude, step.rotationRate.x * -1, Block.response)
      add(Block.attitude, step.rotationRate.y * -1, Block.response + 1)
      add(Block.attitude, step.rotationRate.z * -1, Block.response + 2)
      for i in 0..<view.order {
        let block = view[i, i]
        view[i, i] = (block + block.transposed) * 0.5
      }
    }
    add(
      variance: settings.gyroscopeNoise * settings.gyroscopeNoise * time
        + settings.rotationNoise * settings.rotationNoise * step.squaredRate
        + settings.aliasing * settings.aliasing * step.squaredRateChange, to: Block.attitude)
    let push =
      settings.accelerometerNoise * settings.accelerometerNoise * time
      + settings.accelerationNoise * settings.accelerationNoise * step.squaredAcceleration
      + settings.aliasing * settings.aliasing * step.squaredForceChange
    add(variance: push, to: Block.velocity)
    add(variance: push * time * time / 3, to: Block.position)
    add(variance: settings.gyroscopeBiasWalk * settings.gyroscopeBiasWalk * time, to: Block.gyroscopeBias)
    add(
      variance: settings.accelerometerBiasWalk * settings.accelerometerBiasWalk * time,
      to: Block.accelerometerBias)
  }
}
