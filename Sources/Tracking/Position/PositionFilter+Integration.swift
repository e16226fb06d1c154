import Spatial

/// The samples between two times, integrated.
extension PositionFilter {
  /// Carries state and covariance to a time, with the samples that wait.
  func carry(_ anchor: inout Anchor, to time: Timestamp) {
    var step = Step()
    var index = firstSample(after: anchor.state.captured)
    while index < count, anchor.state.captured < time {
      let sample = self[index]
      let end = min(sample.captured, time)
      let seconds = end.seconds(since: anchor.state.captured)
      var part = sample
      part.captured = end
      advance(&anchor.state, part, seconds)
      step.add(anchor.state, seconds)
      if step.time >= Self.covarianceStep {
        anchor.errors.propagate(step, settings)
        step = Step()
      }
      index += 1
    }
    let rest = time.seconds(since: anchor.state.captured)
    if rest > 0, count > 0 {
      var last = self[count - 1]
      last.captured = time
      advance(&anchor.state, last, rest)
      step.add(anchor.state, rest)
    }
    if step.time > 0 { anchor.errors.propagate(step, settings) }
  }

  /// Index of the first sample that is newer than a time.
  func firstSample(after time: Timestamp) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].captured <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// From the anchor to the newest sample.
  mutating func resume() {
    guard var state = anchor?.state else { return }
    for index in firstSample(after: state.captured)..<count {
      let sample = self[index]
      advance(&state, sample, sample.captured.seconds(since: state.captured))
    }
    current = state
  }

  func advance(_ state: inout State, _ sample: Sample, _ step: Double) {
    guard step > 0 else { return }
    let unbiased = sample.rate - state.gyroscopeBias
    let rate = unbiased - state.response.transposed(times: unbiased)
    let half = (state.worldFromUnit.orientation * Quaternion(rotationVector: rate * (0.5 * step)))
      .renormalized
    let acceleration = half.rotate(sample.force - state.accelerometerBias) - Vector3(0, standardGravity, 0)
    state.worldFromUnit.orientation =
      (state.worldFromUnit.orientation * Quaternion(rotationVector: rate * step)).normalized
    state.worldFromUnit.position += (state.velocity + acceleration * (0.5 * step)) * step
    state.velocity += acceleration * step
    state.changed = (
      force: (sample.force - state.force).squaredLength, rate: (unbiased - state.rate).squaredLength
    )
    state.force = sample.force
    state.acceleration = acceleration
    state.rate = rate
    state.captured = sample.captured
  }
}
