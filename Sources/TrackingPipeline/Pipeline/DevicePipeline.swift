import Devices
import Sensing
import Spatial
import Synchronization
import Tracking

/// One device from report to published state: decode, calibrate, map the clock, fuse, publish.
///
/// Runs on the tracking thread, or on any one thread when a recording is computed without the loop. `process` allocates
/// nothing once it has processed each kind of report.
package final class DevicePipeline {
  package let id: DeviceID
  package var role: DeviceRole {
    didSet { tracker.bodyModel = NeckArmModel(role) }
  }
  /// How recorded states are published; nil for live devices.
  package var presentation: StatePresentation?
  /// Receives every report, sample, state and event.
  package var tap: (any PipelineTap)?
  /// The latest opening of each part, whether the part is still open or not.
  package private(set) var openedParts: [OpenedPartRecord?]
  package let slot: Int
  package let statistics = DeviceStatistics()
  package private(set) var tracker: DeviceTracker
  private var decoders: [PartDecoder?]
  private let batch = SampleBatch()
  private let outputs: PipelineOutputs

  private var isDegraded = false
  /// No state was computed since the part with the IMU was opened.
  private var isAwaited = true
  /// The description has no part with an IMU.
  private var hasNoMotion = false
  /// What was reported of the times of samples.
  private var reportedDefect: ClockDefect?
  private var reportedSteps = 0
  private var modes = ReportModes()
  /// Rises with each report that can't be decoded, falls with each other one.
  private var badness = 0
  private static let degradedAt = 40
  private static let badReportWeight = 8
  /// Reports until the tracker's estimates are published again: they change slowly, and reading them copies the tracker.
  private var reportsUntilStatistics = 0
  private static let statisticsInterval = 16

  package init(
    id: DeviceID, role: DeviceRole, slot: Int, partCount: Int, tracker: DeviceTracker,
    outputs: PipelineOutputs = PipelineOutputs()
  ) {
    self.id = id
    self.role = role
    self.slot = slot
    self.tracker = tracker
    self.tracker.bodyModel = NeckArmModel(role)
    self.outputs = outputs
    decoders = Array(repeating: nil, count: partCount)
    openedParts = Array(repeating: nil, count: partCount)
  }

  /// Starts or replaces a part. A part with an IMU brings a new tracker, which keeps the learned parameters and the heading.
  ///
  /// - Parameter isMotionless: the device has controls only, so that any report shows that it streams.
  package func attach(
    part: Int, decoder: PartDecoder, record: OpenedPartRecord?, isMotionless: Bool = false,
    opticalSensors sensors: [OpticalSensor] = [],
    tracker newTracker: ((DeviceTracker.Learned?) -> DeviceTracker)?
  ) {
    guard decoders.indices.contains(part) else { return }
    let wasOpen = decoders[part] != nil
    decoders[part] = decoder
    openedParts[part] = record
    if isMotionless { hasNoMotion = true }
    for sensor in sensors { opticalSensors[sensor.sensor] = sensor }
    if let newTracker {
      let earlier = tracker
      tracker = newTracker(earlier.learned)
      tracker.proceed(from: earlier, wasInterrupted: !wasOpen)
      tracker.bodyModel = NeckArmModel(role)
      batch.reset()
      badness = 0
      isAwaited = true
      endLimitations()
    }
  }

  /// Ends what was reported of the tracker and the reports so far.
  private func endLimitations() {
    func end(_ limitation: TrackingLimitation) {
      outputs.events?.push(TrackingEvent(limitation, isActive: false, device: id, role: role))
    }
    if reportedDefect != nil { end(.clock(ClockStatus())) }
    if modes.isSimple { end(.simpleReports) }
    if modes.lacksChecksum { end(.noChecksum) }
    (reportedDefect, reportedSteps, modes) = (nil, 0, ReportModes())
    statistics.clockDefect.store(0, ordering: .relaxed)
  }

  package func detach(part: Int) {
    guard decoders.indices.contains(part) else { return }
    decoders[part] = nil
  }

  package func isOpen(part: Int) -> Bool { decoders.indices.contains(part) && decoders[part] != nil }

  package func recenter() { tracker.recenter() }

  /// Fuses an external measurement of the device's pose. The state of the next sample includes it.
  package func measure(_ measurement: PoseMeasurement, at time: Timestamp) {
    tap?.measured(measurement, device: id, at: time)
    let outcome = tracker.measure(measurement)
    switch outcome {
    case .started, .used: statistics.measurements.add(1, ordering: .relaxed)
    case .rejected, .unusable: statistics.measurementsRejected.add(1, ordering: .relaxed)
    }
    statistics.measurementDelay.average(time.seconds(since: measurement.captured))
    // The first measurement has no prediction to be compared with. Rejected ones count: else a noise stated too small
    // would never show.
    if outcome == .used || outcome == .rejected {
      statistics.measurementConsistency.average(tracker.positionInnovation / 3)
    }
  }

  /// Resets decoding and tracking to the state before the first report.
  package func reset(to tracker: DeviceTracker) {
    self.tracker = tracker
    self.tracker.bodyModel = NeckArmModel(role)
    for part in decoders.indices { decoders[part] = nil }
    batch.reset()
    badness = 0
    isDegraded = false
    lastBattery = nil
    endLimitations()
  }

  /// The state of decoding and tracking; read it between two reports.
  package var snapshot: DeviceSnapshot {
    let archive = StateArchive()
    archiveRest(archive)
    return DeviceSnapshot(tracker: tracker, rest: archive.words)
  }

  /// Restores a snapshot of the same parts. Throws when it does not fit, and leaves the tracker unchanged.
  ///
  /// - Parameters:
  ///   - version: of the words' layout.
  ///   - recorded: the orientation estimator that the snapshot is of; nil for the pipeline's own. Another estimator
  ///     continues from its orientation and its errors of the gyroscope.
  package func restore(
    _ words: ContiguousArray<UInt64>, version: Int = StateArchive.currentVersion,
    recordedWith recorded: EstimatorSettings? = nil
  ) throws(StateArchiveError) {
    let archive = StateArchive(words: words, version: version)
    var tracker = tracker
    let settings = tracker.settings
    let isForeign = recorded.map { $0.estimator != settings.estimator } ?? false
    if isForeign, let recorded { tracker.replaceEstimator(by: recorded) }
    tracker.archive(archive)
    if isForeign { tracker.replaceEstimator(by: settings) }
    archiveRest(archive)
    try archive.finish()
    self.tracker = tracker
  }

  private func archiveRest(_ archive: StateArchive) {
    for decoder in decoders {
      var isOpen = decoder != nil
      archive.code(&isOpen)
      guard isOpen == (decoder != nil) else {
        return archive.refuse("the snapshot has other open parts than the device")
      }
      decoder?.archive(archive)
    }
    batch.archive(archive)
    archive.code(&isDegraded)
    archive.code(&badness, in: 0...(2 * Self.degradedAt))
    archive.code(&lastBattery, empty: BatteryState(level: 0, isCharging: false)) {
      archive.code(&$0.level)
      archive.code(&$0.isCharging)
    }
  }

  /// Processes one report. Errors are counted; a device with many is reported as degraded.
  ///
  /// - Returns: the newest state that the report led to; nil without one.
  @discardableResult
  package func process(part: Int, _ report: UnsafeRawBufferPointer, received: Timestamp) -> TrackedState? {
    // A session may name a part that its device does not have.
    guard decoders.indices.contains(part), let decoder = decoders[part] else { return nil }
    statistics.reports.add(1, ordering: .relaxed)
    tap?.begin(device: id, part: part, report: report, received: received)
    batch.begin()
    do {
      _ = try decoder.decode(report, received: received, into: batch)
      settle(by: -1, received)
    } catch {
      statistics.decodeErrors.add(1, ordering: .relaxed)
      settle(by: Self.badReportWeight, received)
    }
    if let worn = decoder.wornControl { tracker.isWorn = batch.controlValue(worn) > 0.5 }
    var newest: TrackedState?
    let count = batch.inertialCount
    if count > 1 {
      tracker.prepare(oldest: batch.inertial(0), newest: batch.inertial(count - 1), count: count)
    }
    let gaps = tracker.gaps
    for index in 0..<count {
      let sample = batch.inertial(index)
      guard let state = tracker.process(sample) else { continue }
      if let tap, tap.wantsSamples {
        tap.sample(
          captured: state.captured, rate: tracker.calibration.angularVelocity(sample),
          force: tracker.calibration.specificForce(sample), device: id)
      }
      newest = publish(state)
    }
    if tracker.gaps != gaps {
      statistics.gaps.add(1, ordering: .relaxed)
      outputs.events?.push(TrackingEvent(gap: tracker.lastGap, device: id, role: role))
    }
    if let orientation = batch.orientation, let state = tracker.process(orientation) {
      newest = publish(state)
    }
    if let acceleration = batch.acceleration { tapSample(acceleration, received) }
    if batch.opticalCount > 0 {
      statistics.opticalSamples.add(UInt64(batch.opticalCount), ordering: .relaxed)
      if let tap, tap.wantsSamples {
        for index in 0..<batch.opticalCount {
          let sample = batch.optical(index)
          tap.optical(sample, by: sample.sensor.flatMap { opticalSensors[$0] }, device: id)
        }
      }
    }
    if batch.wantsModeSwitch, received >= modeSwitchAllowed {
      modeSwitchAllowed = received.advanced(byNanoseconds: 1_000_000_000)
      outputs.events?.push(TrackingEvent(wrongModeOf: part, device: id, role: role))
    }
    if isAwaited, newest != nil || hasNoMotion {
      isAwaited = false
      outputs.events?.push(TrackingEvent(.streaming, device: id, role: role))
    }
    reportTimes(received)
    reportModes(decoder, hasMotion: count > 0 || batch.orientation != nil, received)
    if batch.lostSamples > 0 { statistics.lostSamples.add(UInt64(batch.lostSamples), ordering: .relaxed) }
    publishInput(received)
    tap?.end(
      captured: newest?.captured, deviceTicks: count > 0 ? batch.inertial(count - 1).deviceTicks : nil)
    if reportsUntilStatistics == 0 {
      reportsUntilStatistics = Self.statisticsInterval
      updateStatistics()
    }
    reportsUntilStatistics -= 1
    return newest
  }

  /// Passes the acceleration of a device with its own fusion to the tap, as the sample that its IMU must have taken.
  private func tapSample(_ acceleration: Vector3, _ received: Timestamp) {
    guard let tap, tap.wantsSamples, let state = tracker.history.newest else { return }
    let deviceFromWorld = state.worldFromDevice.orientation.conjugate
    tap.sample(
      captured: received, rate: deviceFromWorld.rotate(state.angularVelocity),
      force: acceleration + deviceFromWorld.rotate(Vector3(0, standardGravity, 0)), device: id)
  }

  private func publish(_ state: TrackedState) -> TrackedState {
    var state = state
    // Only finite states are published, whatever a device sent.
    guard state.worldFromDevice.orientation.isFinite, state.worldFromDevice.position.isFinite,
      state.angularVelocity.isFinite, state.linearVelocity.isFinite
    else { return state }
    if isDegraded { state.flags.insert(.degraded) }
    tap?.state(state, device: id)
    if let presentation {
      guard !presentation.isMuted else { return state }
      // The offset is that of the recorded times, which may have stepped back.
      let offset = presentation.offset &- tracker.arrivalShift
      state.captured = state.captured.advanced(byNanoseconds: offset)
      state.received = state.received.advanced(byNanoseconds: offset)
      state.flags.insert(.recorded)
    }
    outputs.publisher?.publish(slot: slot, state)
    if let events = outputs.events, let subscribers = outputs.poseSubscribers, subscribers.isWanted {
      events.push(TrackingEvent(state, device: id, role: role))
    }
    statistics.states.add(1, ordering: .relaxed)
    return state
  }

  private func publishInput(_ received: Timestamp) {
    var changed = batch.changedControls
    while changed != 0 {
      let index = changed.trailingZeroBitCount
      changed &= changed - 1
      tap?.control(index, value: batch.controlValue(index), device: id, at: received)
      guard let events = outputs.events, presentation?.isMuted != true else { continue }
      events.push(
        TrackingEvent(
          control: index, value: batch.controlValue(index),
          at: received.advanced(byNanoseconds: presentation?.offset ?? 0), device: id, role: role))
    }
    if let battery = batch.battery, battery != lastBattery {
      lastBattery = battery
      tap?.battery(battery, device: id, at: received)
      outputs.events?.push(TrackingEvent(battery, device: id, role: role))
    }
    if let isUp = batch.linkChange {
      tap?.link(isUp: isUp, device: id, at: received)
      outputs.events?.push(TrackingEvent(isUp ? .linkUp : .linkDown, device: id, role: role))
    }
  }

  /// Reports the present limitations to a tap that begins.
  package func describeLimitations(to tap: some PipelineTap, at time: Timestamp) {
    if reportedDefect != nil {
      tap.limited(.clock(tracker.clockStatus), isActive: true, device: id, at: time)
    }
    if modes.isSimple { tap.limited(.simpleReports, isActive: true, device: id, at: time) }
    if modes.lacksChecksum { tap.limited(.noChecksum, isActive: true, device: id, at: time) }
  }

  /// Reports a clock that can't be used, and times of arrival that stepped back.
  private func reportTimes(_ received: Timestamp) {
    let (status, steps) = (tracker.clockStatus, tracker.timeSteps)
    if status.fault != reportedDefect {
      reportedDefect = status.fault
      statistics.clockDefect.store(status.fault?.rawValue ?? 0, ordering: .relaxed)
      tap?.limited(.clock(status), isActive: status.fault != nil, device: id, at: received)
      outputs.events?.push(
        TrackingEvent(.clock(status), isActive: status.fault != nil, device: id, role: role))
      reportsUntilStatistics = 0
    }
    if steps.count != reportedSteps {
      reportedSteps = steps.count
      tap?.limited(.timeStep(steps), isActive: true, device: id, at: received)
      outputs.events?.push(TrackingEvent(.timeStep(steps), isActive: true, device: id, role: role))
    }
  }

  /// Reports a device that sends only reports without motion, or none with a checksum.
  private func reportModes(_ decoder: PartDecoder, hasMotion: Bool, _ received: Timestamp) {
    modes.observe(isSimple: batch.isSimple, hasMotion: hasMotion, at: received)
    if let isSimple = modes.takeChange() {
      tap?.limited(.simpleReports, isActive: isSimple, device: id, at: received)
      outputs.events?.push(TrackingEvent(.simpleReports, isActive: isSimple, device: id, role: role))
    }
    // Of any part: parts that differ do not alternate.
    let lacksChecksum = decoder.lacksChecksum || decoders.contains { $0?.lacksChecksum == true }
    if let isAbsent = modes.takeChecksumChange(lacksChecksum) {
      tap?.limited(.noChecksum, isActive: isAbsent, device: id, at: received)
      outputs.events?.push(TrackingEvent(.noChecksum, isActive: isAbsent, device: id, role: role))
    }
  }

  private var lastBattery: BatteryState?
  /// A mode switch is requested at most once a second, until reports show the mode.
  private var modeSwitchAllowed = Timestamp(nanoseconds: .min)
  /// By sensor index; the part that describes the sensors may differ from the part that reports sweeps.
  private var opticalSensors: [UInt16: OpticalSensor] = [:]

  private func settle(by change: Int, _ received: Timestamp) {
    badness = min(max(badness + change, 0), 2 * Self.degradedAt)
    if !isDegraded, badness >= Self.degradedAt {
      isDegraded = true
      tap?.health(isDegraded: true, device: id, at: received)
      outputs.events?.push(TrackingEvent(.degraded, device: id, role: role))
    } else if isDegraded, badness == 0 {
      isDegraded = false
      tap?.health(isDegraded: false, device: id, at: received)
      outputs.events?.push(TrackingEvent(.recovered, device: id, role: role))
    }
  }

  private func updateStatistics() {
    let values = tracker.metrics
    statistics.gyroscopeBias = values.gyroscopeBias
    statistics.gyroscopeNoise.value = values.gyroscopeNoise
    statistics.driftAtRest.value = values.drift.atRest
    statistics.driftAgainstGravity.value = values.drift.againstGravity
    statistics.driftAgainstField.value = values.drift.againstField
    statistics.isHeadingReferenced.store(values.isHeadingReferenced, ordering: .relaxed)
    if let clock = tracker.clock {
      let status = tracker.clockStatus
      statistics.clockResidual.value = status.fault == nil ? clock.residual : status.arrivalSpread
      statistics.clockSkew.value = status.fault == nil ? clock.skew : status.rate - 1
    }
  }
}
