import Sensing
import Spatial

/// How a device will turn in the next moments, from how it turned in the last.
///
/// The mean rate over a horizon is a sum of the newest rate and the mean rates of the four sixtieths of a second
/// before, with the same weights for every axis, so that turning the device turns the prediction. The weights start
/// with those that fit hands best and follow the wearer: a least-squares fit that forgets over half a minute runs
/// beside, on what was predicted and what came.
public struct MotionPredictor: Sendable {
  static let featureCount = 5
  /// s: length of one window.
  static let window = 1.0 / 60
  /// s: how often it is looked back.
  static let tick = 0.02
  /// `TrackedState.horizons` in ticks.
  static let horizonTicks: InlineArray<4, Int> = [1, 2, 3, 5]
  /// s: memory of the fit.
  static let memory = 30.0
  /// Share of the features' power that ties the weights to where they started.
  static let stiffness = 1e-5
  /// rad/s: slower motion teaches nothing, it is noise.
  static let leastRate = 0.05

  typealias Features = InlineArray<5, Vector3>
  typealias Weights = InlineArray<5, Double>

  /// Least squares on the gyroscope of the BROAD trials (hand-held), ridge 1e-5, under the condition that each row
  /// adds up to one, so that a steady turn is predicted to go on. `vrbridge bench prediction` shows their worth.
  static let initialWeights: InlineArray<4, Weights> = [
    [5.19, -5.41, 1.42, -0.18, -0.02], [8.24, -9.69, 2.96, -0.49, -0.02], [10.46, -12.94, 4.35, -0.88, 0.01],
    [12.40, -15.92, 5.85, -1.47, 0.14],
  ]

  private struct Moment: Sendable {
    var time = 0.0
    /// rad: integral of the rate.
    var turn = Vector3.zero
  }

  /// What was known at a tick.
  private struct Tick: Sendable {
    var orientation = Quaternion.identity
    var features = Features(repeating: .zero)
  }

  private var origin = Timestamp(nanoseconds: 0)
  private var moments: ContiguousArray<Moment>
  private var newest = 0
  private var count = 0
  private var last = Moment()
  private var rate = Vector3.zero
  private var orientation = Quaternion.identity

  private var ticks: ContiguousArray<Tick>
  private var tickCount = 0
  private var nextTick = 0.0

  private var power: ContiguousArray<Double>
  private var match: ContiguousArray<Weights>
  private var weights: InlineArray<4, Weights> = Self.initialWeights
  /// Room to compute in, so that nothing allocates.
  private var matrix = ContiguousArray<Double>(repeating: 0, count: 25)
  private var change = ContiguousArray<Double>(repeating: 0, count: 5)

  private static let momentCount = 64
  /// s: moments are kept this far apart, so that the ring holds more than the windows at any rate.
  private static let spacing = 0.002

  public init() {
    moments = ContiguousArray(repeating: Moment(), count: Self.momentCount)
    ticks = ContiguousArray(repeating: Tick(), count: 8)
    power = ContiguousArray(repeating: 0, count: 4 * 25)
    match = ContiguousArray(repeating: Weights(repeating: 0), count: 4)
  }

  mutating func archive(_ archive: StateArchive) {
    func code(_ moment: inout Moment) {
      archive.code(&moment.time)
      archive.code(&moment.turn)
    }
    archive.code(&origin)
    archive.code(&moments) { code(&$0) }
    archive.code(&newest, in: 0...(Self.momentCount - 1))
    archive.code(&count, in: 0...Self.momentCount)
    code(&last)
    archive.code(&rate)
    archive.code(&orientation)
    archive.code(&ticks) { tick in
      archive.code(&tick.orientation)
      for index in 0..<Self.featureCount { archive.code(&tick.features[index]) }
    }
    archive.code(&tickCount, in: 0...(1 << 60))
    archive.code(&nextTick)
    archive.code(&power) { archive.code(&$0) }
    archive.code(&match) { row in for index in 0..<Self.featureCount { archive.code(&row[index]) } }
    for row in 0..<4 {
      for index in 0..<Self.featureCount { archive.code(&weights[row][index]) }
    }
  }

  /// Forgets the motion, not what was learned of it.
  public mutating func interrupt() {
    count = 0
    tickCount = 0
  }

  /// - Parameters:
  ///   - rate: rad/s, device axes: the mean since the sample before.
  ///   - isCoarse: the samples are so far apart that the mean is not the rate at their end.
  public mutating func add(rate: Vector3, at time: Timestamp, isCoarse: Bool = false) {
    if count == 0 { origin = time }
    let seconds = time.seconds(since: origin)
    let step = seconds - last.time
    guard count > 0, step > 0, step < 0.1, rate.isFinite else {
      // The first sample, or one after a gap.
      origin = time
      last = Moment()
      self.rate = rate.isFinite ? rate : .zero
      newest = 0
      moments[0] = last
      count = 1
      tickCount = 0
      nextTick = Self.tick
      orientation = .identity
      return
    }
    last = Moment(time: seconds, turn: last.turn + rate * step)
    orientation = (orientation * Quaternion(rotationVector: rate * step)).renormalized
    // A straight line through the last two means ends half a step later.
    self.rate = isCoarse ? rate * 1.5 - previousMean(step) * 0.5 : rate
    if seconds - moments[newest].time >= Self.spacing {
      newest = (newest + 1) & (Self.momentCount - 1)
      moments[newest] = last
      count = min(count + 1, Self.momentCount)
    }
    if seconds >= nextTick {
      // The tick is where the sample is: a few milliseconds of jitter in a horizon average out.
      nextTick = max(nextTick + Self.tick, seconds + 0.5 * Self.tick)
      learn()
    }
  }

  private func previousMean(_ step: Double) -> Vector3 {
    (turn(at: last.time - step) - turn(at: last.time - 2 * step)) / step
  }

  /// Integral of the rate up to a time; before what is kept the oldest.
  private func turn(at time: Double) -> Vector3 {
    var after = last
    var index = newest
    for _ in 0..<count {
      let moment = moments[index]
      if moment.time <= time {
        let span = after.time - moment.time
        return span > 0
          ? moment.turn + (after.turn - moment.turn) * ((time - moment.time) / span) : moment.turn
      }
      after = moment
      index = (index - 1) & (Self.momentCount - 1)
    }
    // As if it had always turned like in the beginning.
    return after.turn - rate * (after.time - time)
  }

  private func features() -> Features {
    var result = Features(repeating: rate)
    var end = last.turn
    for index in 1..<Self.featureCount {
      let start = turn(at: last.time - Double(index) * Self.window)
      result[index] = (end - start) / Self.window
      end = start
    }
    return result
  }

  /// The mean rates, rad/s in the device's present axes, over the time from now to each of `TrackedState.horizons`.
  public func predictedAngularVelocities() -> InlineArray<4, Vector3> {
    var result = InlineArray<4, Vector3>(repeating: rate)
    guard count > 1 else { return result }
    let features = features()
    for index in 0..<4 {
      var sum = Vector3.zero
      for feature in 0..<Self.featureCount { sum += features[feature] * weights[index][feature] }
      result[index] = sum
    }
    return result
  }

  /// Compares what was known one to five ticks ago with what came since.
  private mutating func learn() {
    let now = Tick(orientation: orientation, features: features())
    let forget = 1 - Self.tick / Self.memory
    for index in 0..<4 {
      let back = Self.horizonTicks[index]
      guard tickCount >= back else { continue }
      let then = ticks[(tickCount - back) & 7]
      let horizon = Double(back) * Self.tick
      let mean = (then.orientation.conjugate * now.orientation).rotationVector / horizon
      guard mean.length > Self.leastRate else { continue }
      for row in 0..<5 {
        for column in 0..<5 {
          let place = index * 25 + row * 5 + column
          power[place] = power[place] * forget + then.features[row].dot(then.features[column])
        }
        match[index][row] = match[index][row] * forget + then.features[row].dot(mean)
      }
    }
    ticks[tickCount & 7] = now
    tickCount += 1
    // Keeps the count small; only its place in the ring and "at least five" matter.
    if tickCount >= 1 << 20 { tickCount = 8 + (tickCount & 7) }
    if tickCount & 15 == 0 { fit() }
  }

  private mutating func fit() {
    for index in 0..<4 {
      var trace = 0.0
      for row in 0..<5 { trace += power[index * 25 + row * 6] }
      guard trace > 0, trace.isFinite else { continue }
      let start = Self.initialWeights[index]
      for row in 0..<5 {
        change[row] = match[index][row]
        for column in 0..<5 {
          matrix[row * 5 + column] = power[index * 25 + row * 5 + column]
          change[row] -= matrix[row * 5 + column] * start[column]
        }
        matrix[row * 6] += trace / 5 * Self.stiffness
      }
      let isSolved = matrix.withUnsafeMutableBufferPointer { matrix in
        guard Cholesky.factor(matrix, size: 5) else { return false }
        change.withUnsafeMutableBufferPointer { Cholesky.solve(matrix, size: 5, $0) }
        return true
      }
      // Weights beyond that only amplify noise.
      guard isSolved, change.allSatisfy({ $0.isFinite && abs($0) < 100 }) else { continue }
      for row in 0..<5 { weights[index][row] = start[row] + change[row] }
    }
  }
}
