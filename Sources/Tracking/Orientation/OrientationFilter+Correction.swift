import Glibc
import Spatial

/// The Kalman filter over the errors of the integrated attitude, run once for each correction interval.
extension OrientationFilter {
  mutating func correct() {
    let time = interval.time
    runTime += time
    detectRest()
    propagate()
    trace?.pending = worldFromDevice

    let isotropic = Matrix3.diagonal(Vector3(1, 1, 1))
    if isAtRest {
      apply(
        errors.observe(
          Block.velocity, residual: -velocity,
          noise: isotropic * (settings.restVelocity * settings.restVelocity)))
      // The mean over an interval of white noise of twice the gyroscope's.
      var noise = 4 * settings.gyroscopeNoise * settings.gyroscopeNoise / restTime
      if isWorn {
        noise += settings.wornRate * settings.wornRate * max(1, 2 * settings.wornCorrelation / restTime)
      }
      apply(errors.observe(Block.bias, residual: restAngle / restTime - bias, noise: isotropic * noise))
      // Each sample counts once; the first correction uses all samples since the rest began.
      restAngle = .zero
      restTime = 0
    } else {
      let speed = settings.velocityFloor + settings.velocityPerAcceleration * motion
      // Errors that hang together over a time count once in that time, not at each correction.
      let repeats = max(1, 2 * settings.motionCorrelation / time)
      apply(errors.observe(Block.velocity, residual: -velocity, noise: isotropic * (speed * speed * repeats)))
      let place = settings.positionSpread * settings.positionSpread * 2 * repeats
      apply(errors.observe(Block.position, residual: -position, noise: isotropic * place))
    }
    if interval.fieldTime > 0 { observeField(interval.field / interval.fieldTime, time) }
    interval = Interval()
    if !errors.isFinite || !velocity.isFinite || !bias.isFinite || !position.isFinite || !response.isFinite {
      // Only numbers beyond all physics come here. The attitude is kept.
      let attitude = worldFromDevice
      self = OrientationFilter(settings: settings)
      worldFromDevice = attitude.isFinite ? attitude.normalized : .identity
    }
  }

  private mutating func propagate() {
    let time = interval.time
    let lift = standardGravity * interval.pushTime
    let acceleration = interval.push - Vector3(0, lift, 0)
    position += (velocity + acceleration * 0.5) * time
    velocity += acceleration
    let level = (interval.squaredAcceleration / time).squareRoot()
    motion += (level - motion) * (1 - exp(-time / settings.motionMemory))

    trace?.willPropagate(errors)
    errors.propagate(
      rotation: [
        interval.rotation, interval.rotationRateX, interval.rotationRateY, interval.rotationRateZ,
      ], lift: lift, time: time)
    let squaredTurn = (interval.squaredAngle / time) * time
    errors.add(
      variance: settings.gyroscopeNoise * settings.gyroscopeNoise * time
        + settings.rotationNoise * settings.rotationNoise * squaredTurn + interval.hidden,
      to: Block.attitude)
    let walk = isAtRest ? settings.restBiasWalk : settings.biasWalk
    errors.add(variance: walk * walk * time, to: Block.bias)
    let blind = time - interval.pushTime
    errors.add(
      variance: settings.accelerometerNoise * settings.accelerometerNoise * time + 100 * blind * blind,
      to: Block.velocity)
    if isAtRest {
      // A device at rest does not move; its position becomes the new origin.
      position = .zero
      errors.restart(Block.position, deviation: 0.01)
    }
    trace?.didPropagate(errors, interval, lift: lift, isAtRest: isAtRest)
  }

  private mutating func apply(_ correction: BlockCovariance.Correction?) {
    guard let correction else { return }
    trace?.corrected(by: correction)
    worldFromDevice =
      (Quaternion(rotationVector: correction[Block.attitude]) * worldFromDevice).normalized
    bias += correction[Block.bias]
    tiltCorrection += correction[Block.attitude] * Vector3(1, 0, 1)
    velocity += correction[Block.velocity]
    position += correction[Block.position]
    response += Matrix3(
      correction[Block.response], correction[Block.response + 1], correction[Block.response + 2])
  }
}
