import Sensing
import Spatial

/// Everything between a device's samples and its tracked state: calibration, clock, filter, history.
///
/// The same samples with the same stamps give the same states, bit for bit: nothing here asks for the time.
public struct DeviceTracker: Sendable {
  public typealias Learned = LearnedGyroscope

  /// Bias, noise and drift of a device's sensors as tracking estimates them.
  public struct Metrics: Sendable {
    /// rad/s, device axes.
    public var gyroscopeBias: Vector3
    /// rad/s/√Hz.
    public var gyroscopeNoise: Double
    public var drift: DriftMeter
    public var isHeadingReferenced: Bool
  }

  public var calibration: InertialCalibration {
    didSet { unitFromDevice = calibration.deviceFromUnit.orientation.conjugate }
  }
  public private(set) var history: PoseHistory
  public private(set) var clock: DeviceClock?
  /// Compares the clock with the times of arrival; nil where neither is checked.
  private var sampleTimes: SampleTimes?
  /// Gaps between samples of a second or longer, and jumps of the device's clock.
  public private(set) var gaps: UInt64 = 0
  /// Seconds of the host's clock: the last of these gaps.
  public private(set) var lastGap = 0.0
  /// Samples that came again or out of order.
  public private(set) var droppedSamples: UInt64 = 0
  /// The orientation estimator and its settings.
  public private(set) var settings: EstimatorSettings
  // In its box for as long as no copy of the tracker is kept: a sample allocates nothing.
  private var estimator: any OrientationEstimator
  /// Estimates the position of a device that tracks orientation only.
  public var bodyModel: NeckArmModel?
  /// Fuses external poses; nil before the first measurement.
  private var placed: ExternalPoseFusion?
  private var drift = DriftMeter()
  private var unitFromDevice: Quaternion
  private let period: Double
  private let mark: TrackingFlags
  private var lastCaptured: Timestamp?
  /// The time of the newest sample with a stamp, across restarts.
  private var newestCaptured: Timestamp?
  private var lastOrientation: OrientationSample?
  /// The turn about the vertical that recentring chose.
  private var worldFromStart = Quaternion.identity

  /// - Parameters:
  ///   - sampleRate: nominal, per second.
  ///   - clock: ticks per second and bits of the device's counter, when it has one.
  ///   - origin: marks every state as recorded or emulated.
  ///   - checksTimes: whether a clock that disagrees with the times of arrival is replaced by them, and times of arrival
  ///     that step back are moved on. False for sessions from before there was a check.
  public init(
    calibration: InertialCalibration, sampleRate: Double, clock: (rate: Double, bits: Int)?,
    origin: Origin, settings: EstimatorSettings = EstimatorSettings(), learned: Learned? = nil,
    checksTimes: Bool = true
  ) {
    self.calibration = calibration
    unitFromDevice = calibration.deviceFromUnit.orientation.conjugate
    history = PoseHistory()
    self.clock = clock.map { DeviceClock(ticksPerSecond: $0.rate, bits: $0.bits) }
    self.settings = settings
    estimator = settings.makeEstimator(learned: learned)
    period = sampleRate > 0 ? 1 / sampleRate : 0.01
    sampleTimes = checksTimes ? SampleTimes(clock: clock, period: period) : nil
    mark =
      switch origin {
      case .hardware: []
      case .recorded: .recorded
      case .emulated: .emulated
      }
  }

  /// Everything but calibration, settings, origin and body model, which the initialiser and its caller set.
  public mutating func archive(_ archive: StateArchive) {
    history.archive(archive)
    archive.code(&clock, empty: DeviceClock(ticksPerSecond: 1, bits: 32)) { $0.archive(archive) }
    archive.code(&droppedSamples)
    estimator.archive(archive)
    drift.archive(archive)
    archive.code(&lastCaptured, empty: Timestamp(nanoseconds: 0)) { archive.code(&$0) }
    archive.code(
      &lastOrientation,
      empty: OrientationSample(received: Timestamp(nanoseconds: 0), worldFromDevice: .identity)
    ) { sample in
      archive.code(&sample.received)
      archive.code(&sample.deviceTicks, empty: 0) { archive.code(&$0) }
      archive.code(&sample.worldFromDevice)
      archive.code(&sample.angularVelocity, empty: .zero) { archive.code(&$0) }
      archive.code(&sample.referenceCounter)
    }
    archive.code(&worldFromStart)
    archive.code(&placed, empty: .empty) { $0.archive(archive) }
    if archive.version >= 4 {
      sampleTimes?.archive(archive)
      archive.code(&newestCaptured, empty: Timestamp(nanoseconds: 0)) { archive.code(&$0) }
    }
  }

  /// Whether the clock can be used, and how uncertain times of arrival are.
  public var clockStatus: ClockStatus { sampleTimes?.clockStatus ?? ClockStatus() }

  /// ns by which times of arrival are moved on, after steps back.
  public var arrivalShift: Int64 { Int64(sampleTimes?.shift ?? 0) }

  /// Steps back of the times of arrival, which were moved on.
  public var timeSteps: TimeSteps { sampleTimes?.steps ?? TimeSteps() }

  public var learned: Learned { estimator.learned }

  /// Replaces the orientation estimator by another, which continues from the present orientation with the learned errors
  /// of the gyroscope.
  public mutating func replaceEstimator(by settings: EstimatorSettings) {
    let (learned, worldFromDevice) = (estimator.learned, estimator.estimate.worldFromDevice)
    estimator = settings.makeEstimator(learned: learned, worldFromDevice: worldFromDevice)
    estimator.isWorn = isWorn
    self.settings = settings
    // Its measurements refer to the corrections of one estimator.
    drift = DriftMeter()
  }

  /// s: shorter gaps are not reported.
  private static let shortestGap = 1.0

  private mutating func reportGap(_ seconds: Double) {
    gaps &+= 1
    lastGap = seconds
  }

  /// Continues with the heading of another tracker of the device, as when the device was connected again.
  ///
  /// - Parameter wasInterrupted: false when the device was tracked without a gap.
  public mutating func proceed(from earlier: DeviceTracker, wasInterrupted: Bool) {
    // A device with its own fusion has a heading of its own.
    guard earlier.lastCaptured != nil, earlier.lastOrientation == nil else { return }
    let estimate = earlier.estimator.estimate
    estimator = settings.makeEstimator(learned: earlier.learned, worldFromDevice: estimate.worldFromDevice)
    estimator.restart(
      headingUncertainty: wasInterrupted
        ? max(estimate.headingUncertainty, UnknownMotion.unknownHeading) : estimate.headingUncertainty)
    worldFromStart = earlier.worldFromStart
  }

  /// Whether the device reports that it is worn; set before each report's samples.
  public var isWorn = false {
    didSet { estimator.isWorn = isWorn }
  }

  public var metrics: Metrics {
    let estimate = estimator.estimate
    return Metrics(
      gyroscopeBias: estimate.bias, gyroscopeNoise: estimate.measuredNoise, drift: drift,
      isHeadingReferenced: estimate.isHeadingReferenced)
  }

  /// Makes the present heading the world's −Z: what was before is in another frame, so the history is emptied.
  ///
  /// A device with external poses stays in the measurements' world, which devices share.
  public mutating func recenter() {
    guard let newest = history.newest, placed == nil else { return }
    let forward = newest.worldFromDevice.orientation.rotate(Vector3(0, 0, -1))
    let up = newest.worldFromDevice.orientation.rotate(Vector3(0, 1, 0))
    // Looking straight up or down, the top of the head gives the heading.
    let level = abs(forward.y) < 0.9 ? forward : (forward.y > 0 ? -up : up)
    let turn = Quaternion(from: Vector3(level.x, 0, level.z), to: Vector3(0, 0, -1))
    worldFromStart = (turn * worldFromStart).normalized
    history.removeAll()
  }

  /// To be called with the first and last sample of a report, and their number, before they are processed.
  public mutating func prepare(oldest: InertialSample, newest: InertialSample, count: Int) {
    sampleTimes?.begin(count: count)
    if let first = oldest.deviceTicks, let last = newest.deviceTicks {
      clock?.begin(
        oldest: first, newest: last, received: sampleTimes?.arrival(newest.received) ?? newest.received)
    }
  }

  /// Takes one inertial sample.
  ///
  /// - Returns: the new state; nil for a repeated or late sample, and while the attitude settles.
  public mutating func process(_ sample: InertialSample) -> TrackedState? {
    let received = sampleTimes?.arrival(sample.received) ?? sample.received
    let captured: Timestamp
    if let ticks = sample.deviceTicks, clock != nil {
      guard let time = time(ticks: ticks, received: received) else {
        droppedSamples += 1
        return nil
      }
      captured = time
    } else {
      captured = lastCaptured.map { max(received, $0.advanced(byNanoseconds: 1)) } ?? received
    }
    // The first sample counts for one period, whatever its time.
    let step = lastCaptured.map { captured.seconds(since: $0) } ?? period * Double(sample.periods)
    if step >= Self.shortestGap, lastCaptured != nil { reportGap(step) }
    lastCaptured = captured

    let rate = calibration.angularVelocity(sample)
    let force = calibration.specificForce(sample)
    let field = calibration.magneticField(sample)
    let (estimate, correctedRate) = estimator.advance(
      rate: rate, force: sample.isSaturated ? nil : force, field: field, step: step)
    drift.observe(estimate, isWorn: isWorn, at: captured)

    var flags = mark.union([.orientationValid, .orientationTracked])
    if estimate.isAtRest { flags.insert(.atRest) }
    let worldFromUnit = worldFromStart * estimate.worldFromDevice
    var state = TrackedState(
      captured: captured, received: received,
      worldFromDevice: Pose(orientation: (worldFromUnit * unitFromDevice).renormalized),
      angularVelocity: worldFromUnit.rotate(correctedRate),
      uncertainty: PoseUncertainty(
        inclination: estimate.inclinationUncertainty, heading: estimate.headingUncertainty),
      flags: flags)
    addTimeUncertainty(&state)
    carry(&state, PositionFilter.Sample(captured: captured, rate: rate, force: force), worldFromUnit)
    bodyModel?.place(&state)
    return history.append(state) ? history.newest : state
  }

  /// Returns the time at which a sample with a stamp was taken; nil for a repeated or late one.
  private mutating func time(ticks: UInt64, received: Timestamp) -> Timestamp? {
    if sampleTimes?.observe(ticks, received: received) == true {
      if sampleTimes?.clockStatus.fault == nil {
        clock?.restart(after: lastCaptured ?? received)
      } else {
        // Samples were lost, or integrated over wrong intervals.
        restart(after: nil)
      }
    }
    if let arrival = sampleTimes?.timeOfArrival(received, after: newestCaptured) {
      newestCaptured = arrival
      return arrival
    }
    let resets = clock?.resets
    guard let mapped = clock?.map(ticks, received: received) else { return nil }
    // The device restarted, or one of the clocks stood still.
    if clock?.resets != resets { restart(after: lastCaptured.map { mapped.seconds(since: $0) } ?? 0) }
    if sampleTimes != nil { newestCaptured = mapped }
    return mapped
  }

  /// Continues after an unknown rotation, with the same bias.
  ///
  /// - Parameter gap: s: time without samples; nil for none.
  private mutating func restart(after gap: Double?) {
    estimator.restart(
      headingUncertainty: max(estimator.estimate.headingUncertainty, UnknownMotion.unknownHeading))
    isWorn = false
    if let gap { reportGap(gap) }
    lastCaptured = nil
  }

  /// Adds the rotation during the uncertainty of a time of arrival.
  private func addTimeUncertainty(_ state: inout TrackedState) {
    guard let status = sampleTimes?.clockStatus, status.fault != nil, status.arrivalSpread.isFinite else {
      return
    }
    let angle = state.angularVelocity.length * status.arrivalSpread
    let (inclination, heading) = (state.uncertainty.inclination, state.uncertainty.heading)
    state.uncertainty.inclination = (inclination * inclination + angle * angle).squareRoot()
    state.uncertainty.heading = (heading * heading + angle * angle).squareRoot()
  }

  /// Takes an external measurement of the device's pose, in its axes and the bridge's world; in the order of arrival,
  /// which may differ from that of the capture times.
  ///
  /// - Returns: `unusable` also for a device without an inertial unit, or before its first sample.
  public mutating func measure(_ measurement: PoseMeasurement) -> PositionFilter.Outcome {
    guard let now = lastCaptured, lastOrientation == nil, measurement.isUsable,
      PositionFilter.ages.contains(now.seconds(since: measurement.captured))
    else { return .unusable }
    let estimate = estimator.estimate
    let attitude = worldFromStart * estimate.worldFromDevice
    let measurement = measurement.inUnit(calibration.deviceFromUnit)
    if placed != nil {
      return placed?.measure(measurement, attitude: attitude, bias: estimate.bias) ?? .unusable
    }
    var unit = ExternalPoseFusion(at: measurement.captured)
    let outcome = unit.measure(measurement, attitude: attitude, bias: estimate.bias)
    if outcome == .started {
      placed = unit
      // What was before is in another frame.
      history.removeAll()
    }
    return outcome
  }

  /// Squared Mahalanobis distance between the last measured position and the prediction; NaN without a measurement.
  public var positionInnovation: Double { placed?.innovation ?? .nan }

  /// Fuses the external poses with a sample.
  private mutating func carry(
    _ state: inout TrackedState, _ sample: PositionFilter.Sample, _ worldFromUnit: Quaternion
  ) {
    guard placed != nil else { return }
    guard
      let estimate = placed?.advance(
        sample, attitude: worldFromUnit, attitudeUncertainty: state.uncertainty)
    else {
      // It looks on as it did, from where its neck or arm would be.
      let heading = placed?.heading ?? .identity
      worldFromStart = (heading * worldFromStart).normalized
      state.worldFromDevice.orientation = (heading * state.worldFromDevice.orientation).renormalized
      state.angularVelocity = heading.rotate(state.angularVelocity)
      placed = nil
      history.removeAll()
      return
    }
    let turn = estimate.worldFromUnit.orientation
    let unitFromDevice = Pose(
      position: unitFromDevice.rotate(calibration.deviceFromUnit.position * -1), orientation: unitFromDevice)
    let arm = turn.rotate(unitFromDevice.position)
    state.worldFromDevice = Pose(
      position: estimate.worldFromUnit.position + arm,
      orientation: (turn * unitFromDevice.orientation).renormalized)
    state.angularVelocity =
      estimate.rate.map { turn.rotate($0) }
      ?? (turn * worldFromUnit.conjugate).rotate(state.angularVelocity)
    state.linearVelocity = estimate.velocity + (estimate.isTracked ? state.angularVelocity.cross(arm) : .zero)
    state.uncertainty = estimate.uncertainty
    state.flags.insert(.positionValid)
    if estimate.isTracked { state.flags.insert(.positionTracked) }
  }

  /// Uses the position that the device reports.
  private func put(_ state: inout TrackedState, at position: Vector3) {
    state.worldFromDevice.position = position
    if let last = history.newest, last.flags.contains(.positionTracked) {
      let step = state.captured.seconds(since: last.captured)
      if step > 1e-6, step < 1 {
        state.linearVelocity = (position - last.worldFromDevice.position) / step
      }
    }
    state.uncertainty.position = Self.reportedPositionUncertainty
    state.flags.formUnion([.positionValid, .positionTracked])
  }

  /// m: accuracy that the makers of magnetic trackers state near their base.
  private static let reportedPositionUncertainty = 0.01

  /// Takes an attitude that the device computed.
  public mutating func process(_ sample: OrientationSample) -> TrackedState? {
    let received = sampleTimes?.arrival(sample.received) ?? sample.received
    let captured = lastCaptured.map { max(received, $0.advanced(byNanoseconds: 1)) } ?? received
    var rate = sample.angularVelocity.map { sample.worldFromDevice.rotate($0) } ?? .zero
    if sample.angularVelocity == nil, let last = lastOrientation, let before = lastCaptured {
      let step = captured.seconds(since: before)
      let turn = sample.worldFromDevice * last.worldFromDevice.conjugate
      if step > 1e-6, step < 1 { rate = turn.rotationVector / step }
    }
    if let last = lastOrientation, last.referenceCounter != sample.referenceCounter {
      // The device chose a new heading: what was before is in another frame.
      history.removeAll()
      rate = .zero
    }
    lastOrientation = sample
    lastCaptured = captured
    let orientation = (worldFromStart * sample.worldFromDevice).normalized
    rate = worldFromStart.rotate(rate)
    var state = TrackedState(
      captured: captured, received: received,
      worldFromDevice: Pose(orientation: orientation), angularVelocity: rate,
      uncertainty: PoseUncertainty(inclination: 0.03, heading: .pi),
      flags: mark.union([.orientationValid, .orientationTracked]))
    if let place = sample.position { put(&state, at: worldFromStart.rotate(place)) }
    bodyModel?.place(&state)
    return history.append(state, isCoarse: sample.angularVelocity == nil) ? history.newest : state
  }
}
