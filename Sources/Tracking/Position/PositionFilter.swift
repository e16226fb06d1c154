import Sensing
import Spatial

/// Position, velocity and attitude of an IMU from its samples and late measurements.
///
/// An error-state Kalman filter (Solà, "Quaternion kinematics for the error-state Kalman filter", 2017) whose
/// state belongs to the time of the last measurement; later samples wait in a ring. A measurement first advances the
/// state to its own time; from there the samples are integrated again. A measurement older than the last is inserted at
/// its time, and the later ones are applied again.
public struct PositionFilter: Sendable {
  public struct Sample: Sendable {
    public var captured: Timestamp
    /// rad/s, unit axes.
    public var rate: Vector3
    /// m/s², unit axes.
    public var force: Vector3

    public init(captured: Timestamp, rate: Vector3, force: Vector3) {
      self.captured = captured
      self.rate = rate
      self.force = force
    }
  }

  public struct State: Sendable {
    public var captured: Timestamp
    public var worldFromUnit: Pose
    /// m/s, world axes.
    public var velocity: Vector3
    /// m/s², world axes, without gravity.
    public var acceleration: Vector3
    /// rad/s, unit axes, without bias.
    public var rate: Vector3
    public var gyroscopeBias: Vector3
    public var accelerometerBias: Vector3
    /// Relative error of the gyroscope's response against the measured attitudes; columns as rows.
    var response = Matrix3.zero
    /// The sample before, and the squared changes from it.
    var force = Vector3.zero
    var changed = (force: 0.0, rate: 0.0)
  }

  public enum Outcome: Sendable, Equatable {
    /// The first measurement, or the first after a restart.
    case started
    case used
    /// Too far from the prediction: the squared Mahalanobis distance was beyond the gate.
    case rejected
    /// Older than all that is kept, of the future, not finite, or without an attitude when one is needed to start.
    case unusable
  }

  /// Indices in the error state.
  enum Block {
    static let position = 0
    static let velocity = 1
    static let attitude = 2
    static let gyroscopeBias = 3
    static let accelerometerBias = 4
    static let response = 5
    /// The response has three.
    static let count = 8
  }

  /// Samples and measurements that are kept: half a second at 2 kHz, and 16 measurements.
  static let ringSize = 1024
  static let keptMeasurements = 16
  /// s: the state is never further behind the newest sample, so that the ring holds all samples it needs.
  static let longestDelay = 0.45
  /// s that a measurement may be older than the newest sample. A stamp further in the future is of another clock.
  static let ages = -0.1...longestDelay
  /// s between steps of the covariance.
  static let covarianceStep = 0.01

  let settings: PositionSettings
  var anchor: Anchor?
  var current: State?
  var predictor = MotionPredictor()
  var samples: ContiguousArray<Sample>
  var head = 0
  var count = 0
  /// The last measurements, oldest first, each with the filter as it was before; room for one more than are kept.
  var past: ContiguousArray<(measurement: PoseMeasurement, before: Anchor)>
  var pastCount = 0
  /// Measurements that one which came late goes before.
  private var later: ContiguousArray<PoseMeasurement> = []
  var rejections = 0
  /// The part of the last corrections that the displayed pose does not yet contain.
  var offset = Pose.identity
  public internal(set) var lastMeasured: Timestamp?
  /// Squared Mahalanobis distance of the last position innovation; its mean over time is 3 for an honest filter.
  public internal(set) var innovation = Double.nan

  /// State and covariance at one time.
  struct Anchor: Sendable {
    var state: State
    var errors: BlockCovariance
  }

  public init(settings: PositionSettings = PositionSettings()) {
    self.settings = settings
    let zero = Sample(captured: Timestamp(nanoseconds: 0), rate: .zero, force: .zero)
    samples = ContiguousArray(repeating: zero, count: Self.ringSize)
    past = ContiguousArray((0...Self.keptMeasurements).map { _ in (.empty, .empty) })
    later.reserveCapacity(Self.keptMeasurements)
  }

  subscript(index: Int) -> Sample { samples[(head + index) & (Self.ringSize - 1)] }

  /// Takes one inertial sample; one that is not newer than the last, or not finite, is ignored.
  public mutating func add(_ sample: Sample) {
    guard sample.rate.isFinite, sample.force.isFinite, sample.rate.length < InertialLimits.largestRate,
      sample.force.length < InertialLimits.largestForce
    else { return }
    if count > 0, sample.captured <= self[count - 1].captured { return }
    samples[(head + count) & (Self.ringSize - 1)] = sample
    if count < Self.ringSize { count += 1 } else { head = (head + 1) & (Self.ringSize - 1) }
    if let time = anchor?.state.captured, sample.captured.seconds(since: time) > Self.longestDelay,
      var waiting = anchor.take()
    {
      carry(&waiting, to: sample.captured.advanced(bySeconds: -0.75 * Self.longestDelay))
      anchor = waiting
      // Older measurements are not applied again.
      pastCount = 0
    }
    guard var state = current else { return }
    let step = sample.captured.seconds(since: state.captured)
    if step > InertialLimits.maximumStep {
      // The motion in the gap is unknown.
      restart()
      return
    }
    advance(&state, sample, step)
    let silence = lastMeasured.map { sample.captured.seconds(since: $0) } ?? 0
    if silence > settings.carriedTime {
      // Dead reckoning diverges: the position is held.
      state.velocity *= max(0, 1 - step / 0.2)
      state.worldFromUnit.position = current?.worldFromUnit.position ?? .zero
    }
    current = state
    predictor.add(rate: state.rate, at: sample.captured)
    let share = max(0, 1 - step / settings.displayTime)
    offset = Pose(
      position: offset.position * share,
      orientation: Quaternion(rotationVector: offset.orientation.rotationVector * share))
  }

  public mutating func restart() {
    anchor = nil
    current = nil
    pastCount = 0
    rejections = 0
    offset = .identity
  }

  /// Takes one measurement.
  ///
  /// - Parameters:
  ///   - attitude: world from unit; starts the filter when the measurement has none.
  ///   - bias: rad/s, unit axes: the gyroscope's bias at the start of the filter.
  @discardableResult
  public mutating func add(
    _ measurement: PoseMeasurement, attitude: Quaternion? = nil, bias: Vector3 = .zero
  ) -> Outcome {
    guard measurement.isUsable else { return .unusable }
    if count > 0, self[count - 1].captured.seconds(since: measurement.captured) < Self.ages.lowerBound {
      return .unusable
    }
    guard anchor != nil else { return start(measurement, attitude, bias) }
    // Back to before everything that is newer.
    later.removeAll(keepingCapacity: true)
    while pastCount > 0, past[pastCount - 1].measurement.captured > measurement.captured {
      pastCount -= 1
      later.append(past[pastCount].measurement)
      anchor?.copy(past[pastCount].before)
    }
    guard let start = anchor?.state.captured, measurement.captured >= start, count > 0,
      self[0].captured <= measurement.captured || start >= self[0].captured
    else {
      applyLater()
      return .unusable
    }
    let outcome = apply(measurement)
    let distance = innovation
    applyLater()
    // Of this measurement, not of those behind it.
    innovation = distance
    if outcome == .rejected {
      rejections += 1
      if rejections >= settings.rejectionsBeforeRestart {
        let displayed = self.displayed?.worldFromUnit
        restart()
        let outcome = self.start(measurement, attitude, bias)
        if let displayed { glide(from: displayed) }
        return outcome
      }
    } else {
      rejections = 0
    }
    let displayed = self.displayed?.worldFromUnit
    resume()
    if let displayed { glide(from: displayed) }
    return outcome
  }

  private mutating func start(
    _ measurement: PoseMeasurement, _ attitude: Quaternion?, _ bias: Vector3
  ) -> Outcome {
    guard let orientation = measurement.orientation ?? attitude else { return .unusable }
    let position = measurement.position - orientation.rotate(measurement.point)
    var errors = BlockCovariance(deviations: [
      measurement.positionNoise, 1, measurement.orientation == nil ? 0.05 : measurement.orientationNoise,
      settings.gyroscopeBiasSpread, settings.accelerometerBiasSpread, settings.responseSpread,
      settings.responseSpread, settings.responseSpread,
    ])
    if measurement.orientation == nil {
      // Gravity gives the tilt that the filter starts with, nothing its heading against the cameras' world.
      errors[Block.attitude, Block.attitude] = .diagonal(Vector3(0.03 * 0.03, 1, 0.03 * 0.03))
    }
    anchor = Anchor(
      state: State(
        captured: measurement.captured, worldFromUnit: Pose(position: position, orientation: orientation),
        velocity: .zero, acceleration: .zero, rate: .zero, gyroscopeBias: bias, accelerometerBias: .zero),
      errors: errors)
    lastMeasured = measurement.captured
    resume()
    return .started
  }

  @discardableResult
  private mutating func apply(_ measurement: PoseMeasurement) -> Outcome {
    guard var next = anchor.take() else { return .unusable }
    defer { anchor = next }
    past[pastCount].measurement = measurement
    past[pastCount].before.copy(next)
    carry(&next, to: measurement.captured)
    let isotropic = Matrix3.diagonal(Vector3(1, 1, 1))
    let arm = next.state.worldFromUnit.orientation.rotate(measurement.point)
    let residual = measurement.position - next.state.worldFromUnit.position - arm
    let noise = isotropic * (measurement.positionNoise * measurement.positionNoise)
    var expected = next.errors[Block.position, Block.position] + noise
    expected +=
      Matrix3.cross(arm) * next.errors[Block.attitude, Block.attitude] * Matrix3.cross(arm).transposed
    innovation = expected.inverse.map { residual.dot($0 * residual) } ?? .nan
    guard
      let correction = next.errors.observe(
        Block.position, lever: (Block.attitude, .cross(arm) * -1), residual: residual, noise: noise,
        gate: settings.gate, trusted: settings.trusted)
    else {
      next.copy(past[pastCount].before)
      return .rejected
    }
    next.state.correct(correction)
    if let orientation = measurement.orientation {
      let turn = orientation * next.state.worldFromUnit.orientation.conjugate
      let noise = isotropic * (measurement.orientationNoise * measurement.orientationNoise)
      guard
        let correction = next.errors.observe(
          Block.attitude, residual: turn.rotationVector, noise: noise, gate: settings.gate,
          trusted: settings.trusted)
      else {
        next.copy(past[pastCount].before)
        return .rejected
      }
      next.state.correct(correction)
    }
    pastCount += 1
    if pastCount > Self.keptMeasurements {
      // The oldest goes to the end, where the next is written over it.
      for index in 0..<Self.keptMeasurements { past.swapAt(index, index + 1) }
      pastCount = Self.keptMeasurements
    }
    lastMeasured = max(lastMeasured ?? measurement.captured, measurement.captured)
    return .used
  }

  private mutating func applyLater() {
    for index in later.indices.reversed() { apply(later[index]) }
  }

  /// The best estimate at the newest sample.
  public var newest: State? { current }

  /// The estimate without jumps: corrections are applied over `displayTime`.
  public var displayed: State? {
    guard var state = current else { return nil }
    state.worldFromUnit.position += offset.position
    state.worldFromUnit.orientation = (offset.orientation * state.worldFromUnit.orientation).normalized
    return state
  }

  /// Shows this pose now, and goes over to the estimate within `displayTime`.
  mutating func glide(from pose: Pose) {
    guard let current else { return }
    offset = Pose(
      position: pose.position - current.worldFromUnit.position,
      orientation: (pose.orientation * current.worldFromUnit.orientation.conjugate).normalized)
  }

  /// Position, velocity and attitude covariance at the last measurement.
  var uncertaintyWhenMeasured: (position: Matrix3, velocity: Matrix3, attitude: Matrix3)? {
    anchor.map { anchor in
      (
        anchor.errors[Block.position, Block.position], anchor.errors[Block.velocity, Block.velocity],
        anchor.errors[Block.attitude, Block.attitude]
      )
    }
  }

  /// Position, velocity and attitude covariance at the newest sample.
  public var uncertainty: (position: Matrix3, velocity: Matrix3, attitude: Matrix3)? {
    guard var end = anchor, let newest = current?.captured else { return nil }
    carry(&end, to: newest)
    return (
      end.errors[Block.position, Block.position], end.errors[Block.velocity, Block.velocity],
      end.errors[Block.attitude, Block.attitude]
    )
  }
}

extension PositionFilter.Anchor {
  /// For a state that is about to be taken in.
  static var empty: Self {
    Self(
      state: PositionFilter.State(
        captured: Timestamp(nanoseconds: 0), worldFromUnit: .identity, velocity: .zero, acceleration: .zero,
        rate: .zero, gyroscopeBias: .zero, accelerometerBias: .zero),
      errors: BlockCovariance(deviations: Array(repeating: 0, count: PositionFilter.Block.count)))
  }

  /// Takes another's numbers into its own memory.
  mutating func copy(_ other: Self) {
    state = other.state
    errors.copy(other.errors)
  }
}

extension PositionFilter.State {
  mutating func correct(_ correction: BlockCovariance.Correction) {
    typealias Block = PositionFilter.Block
    worldFromUnit.position += correction[Block.position]
    velocity += correction[Block.velocity]
    worldFromUnit.orientation =
      (Quaternion(rotationVector: correction[Block.attitude]) * worldFromUnit.orientation).normalized
    gyroscopeBias += correction[Block.gyroscopeBias]
    response += Matrix3(
      correction[Block.response], correction[Block.response + 1], correction[Block.response + 2])
    accelerometerBias += correction[Block.accelerometerBias]
  }
}

extension PositionFilter {
  /// The pose some time after the newest sample, at most `PoseHistory.maximumPrediction` ahead.
  public func predicted(_ ahead: Double) -> Pose? {
    guard let state = newest else { return nil }
    let ahead = min(max(ahead, 0), PoseHistory.maximumPrediction)
    var tracked = TrackedState(
      captured: state.captured, received: state.captured, worldFromDevice: state.worldFromUnit,
      angularVelocity: state.rate)
    tracked.predictedAngularVelocities = predictor.predictedAngularVelocities()
    return Pose(
      position: state.worldFromUnit.position + (state.velocity + state.acceleration * (0.5 * ahead)) * ahead,
      // All rates here are in the unit's axes.
      orientation: (state.worldFromUnit.orientation
        * Quaternion(rotationVector: tracked.meanRate(ahead) * ahead))
        .normalized)
  }
}
