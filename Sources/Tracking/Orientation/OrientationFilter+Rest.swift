import Spatial

/// Detection of rest, which gives the bias.
extension OrientationFilter {
  mutating func detectRest() {
    let time = interval.time
    let rate = interval.angle / time
    let force = interval.pushTime > 0 ? interval.push / interval.pushTime : meanForce
    let spread = interval.squaredAngle / time - rate.squaredLength
    // For a bias far from the estimate the device has to be much stiller than for an expected one.
    let expected = settings.restRate + 3 * biasUncertainty
    let isExpected = (meanRate - bias).squaredLength < expected * expected
    let share = isExpected ? 1 : 0.25
    let limit = settings.restRate * share
    let forceLimit = settings.restForce * share
    let isQuiet =
      (rate - meanRate).squaredLength < limit * limit
      && spread < 4 * settings.restRate * settings.restRate
      && (force - meanForce).squaredLength < forceLimit * forceLimit
      && (isExpected
        || (!hasEverRested && meanRate.squaredLength < settings.largestBias * settings.largestBias))
    let gain = time / (0.5 + time)
    meanRate += (rate - meanRate) * gain
    meanForce += (force - meanForce) * gain
    restTime = isQuiet ? restTime + time : 0
    restAngle = isQuiet ? restAngle + interval.angle : .zero
    isAtRest = isQuiet && (isAtRest || restTime >= settings.restDuration)
    if isAtRest {
      // White noise of density d sampled at f has variance d²·f/2; the interval's mean took one sample's worth.
      let count = max(2, time / period)
      let noise = (max(0, spread) / 3 * count / (count - 1) * 2 * period).squareRoot()
      measuredNoise = measuredNoise.isNaN ? noise : measuredNoise + (noise - measuredNoise) * 0.05
    }
    if isAtRest, !hasEverRested {
      hasEverRested = true
      // Until now the heading has run with an unknown bias. Without a reference any heading is as good as another,
      // so that is let be instead of turned back at one stroke.
      if !isHeadingReferenced {
        let variance = errors[Block.attitude, Block.attitude].row1.y
        errors.isolate(Block.attitude, component: 1, variance: variance)
      }
      if !isExpected {
        errors.add(variance: settings.largestBias * settings.largestBias, to: Block.bias)
        field = FieldReference()
      }
    }
  }
}
