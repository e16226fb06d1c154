import Spatial

/// Attitude with all of a recording known: the orientation filter forward, then a Rauch-Tung-Striebel smoother
/// backward over its error state (Rauch, Tung and Striebel, 1965).
public enum OfflineSmoother {
  public struct Sample: Sendable {
    /// Seconds since the sample before.
    public var step: Double
    public var rate: Vector3
    public var force: Vector3?
    public var field: Vector3?

    public init(step: Double, rate: Vector3, force: Vector3?, field: Vector3? = nil) {
      self.step = step
      self.rate = rate
      self.force = force
      self.field = field
    }
  }

  public struct Result: Sendable {
    public var worldFromDevice: Quaternion
    /// rad/s.
    public var bias: Vector3
    public var isAtRest: Bool
    public var isHeadingReferenced: Bool
  }

  /// - Returns: one result for each sample.
  public static func smooth(
    _ samples: [Sample], settings: OrientationSettings = OrientationSettings()
  ) -> [Result] {
    var settings = settings
    // Past and future both meet a moment's swing; together they shall count it once.
    settings.motionCorrelation *= 2
    var filter = OrientationFilter(settings: settings)
    let trace = SmootherTrace()
    filter.trace = trace
    var results: [Result] = []
    results.reserveCapacity(samples.count)
    // For each sample the step that it led up to, and how far into it.
    var places: [(step: Int, time: Double)] = []
    places.reserveCapacity(samples.count)
    for sample in samples {
      let index = trace.steps.count
      // The pose before a correction, so that what is added to it is smooth in time.
      trace.pending = nil
      filter.update(rate: sample.rate, force: sample.force, field: sample.field, step: sample.step)
      let isCorrected = trace.steps.count > index
      let time = isCorrected ? trace.steps[index].time : filter.interval.time
      places.append((index, time))
      results.append(
        Result(
          worldFromDevice: isCorrected ? trace.pending ?? filter.worldFromDevice : filter.worldFromDevice,
          bias: filter.bias, isAtRest: filter.isAtRest, isHeadingReferenced: filter.isHeadingReferenced))
    }

    // Backward: what each step's estimate would have been, had the future been known.
    let count = trace.steps.count
    var before = [Correction](repeating: Correction(), count: count + 1)
    var after = before
    var error = [Double](repeating: 0, count: SmootherTrace.size)
    var turn = Quaternion.identity
    for index in stride(from: count - 1, through: 0, by: -1) {
      let step = trace.steps[index]
      if let heading = step.turn {
        turn = (turn * heading).normalized
        SmootherTrace.rotate(&error, by: heading.conjugate)
      }
      after[index] = Correction(error, turn)
      for i in 0..<SmootherTrace.size { error[i] += step.correction[i] }
      before[index] = Correction(error, turn)
      if let gain = step.gain {
        error = SmootherTrace.multiply(gain, error)
      } else {
        // Nothing of the motion is known across a gap; bias and response are the device's.
        for i in 0..<SmootherTrace.size where i < 3 || (6..<12).contains(i) { error[i] = 0 }
      }
    }
    let first = Correction(error, turn)
    for index in results.indices {
      let (step, time) = places[index]
      let start = step > 0 ? after[step - 1] : first
      guard step < count else {
        results[index].apply(start)
        continue
      }
      let fraction = trace.steps[step].time > 0 ? min(1, time / trace.steps[step].time) : 1
      results[index].apply(start.interpolated(to: before[step], fraction))
    }
    return results
  }

  struct Correction {
    var attitude = Vector3.zero
    var bias = Vector3.zero
    var turn = Quaternion.identity

    init() {}
    init(_ error: [Double], _ turn: Quaternion) {
      attitude = Vector3(error[0], error[1], error[2])
      bias = Vector3(error[3], error[4], error[5])
      self.turn = turn
    }

    func interpolated(to other: Correction, _ fraction: Double) -> Correction {
      var result = self
      result.attitude += (other.attitude - attitude) * fraction
      result.bias += (other.bias - bias) * fraction
      result.turn = other.turn
      return result
    }
  }
}

extension OfflineSmoother.Result {
  fileprivate mutating func apply(_ correction: OfflineSmoother.Correction) {
    worldFromDevice =
      (correction.turn * Quaternion(rotationVector: correction.attitude) * worldFromDevice).normalized
    bias += correction.bias
  }
}

/// Keeps, of each correction of a filter, what the way back needs.
///
/// `@unchecked Sendable`: it belongs to one filter, which one caller runs.
final class SmootherTrace: @unchecked Sendable {
  static let blocks = 7
  static let size = 21

  struct Step {
    var time: Double
    /// Smoother gain by rows; nil across a gap.
    var gain: [Double]?
    /// What the observations at the end of the step added to the error state.
    var correction: [Double]
    /// The heading was found here: everything before is in another frame.
    var turn: Quaternion?
  }

  private(set) var steps: [Step] = []
  /// Pose at the end of the last step, before it was corrected.
  var pending: Quaternion?
  private var filtered: [Double] = []
  private var isInterrupted = false

  func willPropagate(_ errors: BlockCovariance) { filtered = Self.dense(errors) }

  func interrupted() { isInterrupted = true }

  func didPropagate(
    _ errors: BlockCovariance, _ interval: OrientationFilter.Interval, lift: Double, isAtRest: Bool
  ) {
    let transition = Self.transition(interval, lift: lift, isAtRest: isAtRest)
    // gain = P Φᵀ P'⁻¹, from P' gainᵀ = Φ P.
    let right = Self.multiply(transition, filtered, columns: Self.size)
    let solved = Cholesky.solve(Self.dense(errors), right, size: Self.size)
    steps.append(
      Step(
        time: interval.time, gain: isInterrupted ? nil : solved.map(Self.transposed),
        correction: [Double](repeating: 0, count: Self.size), turn: nil))
    isInterrupted = false
  }

  func corrected(by correction: BlockCovariance.Correction) {
    guard !steps.isEmpty else { return }
    for block in 0..<Self.blocks {
      for axis in 0..<3 { steps[steps.count - 1].correction[3 * block + axis] += correction[block][axis] }
    }
  }

  func turned(by heading: Quaternion) {
    guard !steps.isEmpty else { return }
    steps[steps.count - 1].turn = heading
  }

  static func dense(_ errors: BlockCovariance) -> [Double] {
    var result = [Double](repeating: 0, count: size * size)
    for i in 0..<blocks {
      for j in 0..<blocks { place(errors[i, j], i, j, in: &result) }
    }
    return result
  }

  private static func place(_ block: Matrix3, _ i: Int, _ j: Int, in matrix: inout [Double]) {
    for column in 0..<3 {
      matrix[(3 * i) * size + 3 * j + column] = block.row0[column]
      matrix[(3 * i + 1) * size + 3 * j + column] = block.row1[column]
      matrix[(3 * i + 2) * size + 3 * j + column] = block.row2[column]
    }
  }

  /// The transition that `BlockCovariance.propagate` applies.
  static func transition(
    _ interval: OrientationFilter.Interval, lift: Double, isAtRest: Bool
  ) -> [Double] {
    var result = [Double](repeating: 0, count: size * size)
    for i in 0..<size { result[i * size + i] = 1 }
    let swing = Matrix3.cross(Vector3(0, lift, 0))
    let time = interval.time
    place(swing * -1, 2, 0, in: &result)
    place(.identity * time, 3, 2, in: &result)
    place(swing * (-0.5 * time), 3, 0, in: &result)
    let rotations = [
      interval.rotation, interval.rotationRateX, interval.rotationRateY, interval.rotationRateZ,
    ]
    for (rotation, block) in zip(rotations, [1, 4, 5, 6]) {
      place(rotation * -1, 0, block, in: &result)
      place(swing * rotation, 2, block, in: &result)
      place(swing * rotation * (0.5 * time), 3, block, in: &result)
    }
    if isAtRest {
      for row in 9..<12 { for column in 0..<size { result[row * size + column] = 0 } }
    }
    return result
  }

  static func multiply(_ matrix: [Double], _ vector: [Double]) -> [Double] {
    (0..<size).map { row in
      var sum = 0.0
      for column in 0..<size { sum += matrix[row * size + column] * vector[column] }
      return sum
    }
  }

  static func multiply(_ left: [Double], _ right: [Double], columns: Int) -> [Double] {
    var result = [Double](repeating: 0, count: size * columns)
    for row in 0..<size {
      for inner in 0..<size {
        let factor = left[row * size + inner]
        if factor == 0 { continue }
        for column in 0..<columns {
          result[row * columns + column] += factor * right[inner * columns + column]
        }
      }
    }
    return result
  }

  static func transposed(_ matrix: [Double]) -> [Double] {
    var result = matrix
    for row in 0..<size {
      for column in 0..<size { result[column * size + row] = matrix[row * size + column] }
    }
    return result
  }

  /// Turns attitude, velocity and position of an error state into another frame.
  static func rotate(_ error: inout [Double], by rotation: Quaternion) {
    for start in [0, 6, 9] {
      let turned = rotation.rotate(Vector3(error[start], error[start + 1], error[start + 2]))
      for axis in 0..<3 { error[start + axis] = turned[axis] }
    }
  }
}
