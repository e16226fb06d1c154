import BridgeProtocol
import Devices
import Sensing
import Spatial
import Synchronization
import Tracking

/// One device from report to published state: decode, calibrate, map the clock, fuse, publish.
///
/// Runs on the tracking thread, or anywhere when a recording is computed without one. `process` allocates
/// nothing once every kind of report was seen.
final class DevicePipeline {
  let id: DeviceID
  var role: DeviceRole {
    didSet { tracker.bodyModel = BodyModel(role) }
  }
  /// How a replay shows what it computes; nil for what happens now.
  var presentation: ReplayPresentation?
  /// Who sees everything that goes through.
  var tap: (any PipelineTap)?
  /// How each part was opened last, whether it still is or not.
  private(set) var openedParts: [OpenedPartRecord?]
  let slot: Int
  let statistics = DeviceStatistics()
  private(set) var tracker: DeviceTracker
  private var decoders: [PartDecoder?]
  private let batch = SampleBatch()
  private let page: PosePage?
  private let events: EventRing<TrackingEvent>?
  /// Someone wants every pose over the socket.
  private let demand: PoseDemand?

  private var isDegraded = false
  /// Nothing was tracked since the part with the motion was opened.
  private var isAwaited = true
  /// Its description has no part with motion.
  private var hasNoMotion = false
  /// Rises with each bad report, falls with each good one.
  private var badness = 0
  private static let degradedAt = 40
  private static let badReportWeight = 8

  init(
    id: DeviceID, role: DeviceRole, slot: Int, partCount: Int, tracker: DeviceTracker, page: PosePage?,
    events: EventRing<TrackingEvent>?, demand: PoseDemand?
  ) {
    self.id = id
    self.role = role
    self.slot = slot
    self.tracker = tracker
    self.tracker.bodyModel = BodyModel(role)
    self.page = page
    self.events = events
    self.demand = demand
    decoders = Array(repeating: nil, count: partCount)
    openedParts = Array(repeating: nil, count: partCount)
  }

  /// Starts or replaces a part. A motion part brings a new tracker that keeps what was learned.
  ///
  /// - Parameter isMotionless: the device has controls alone, so that any report shows that it is there.
  func attach(
    part: Int, decoder: PartDecoder, record: OpenedPartRecord?, isMotionless: Bool = false,
    opticalSensors sensors: [OpticalSensor] = [],
    tracker newTracker: ((DeviceTracker.Learned?) -> DeviceTracker)?
  ) {
    guard decoders.indices.contains(part) else { return }
    decoders[part] = decoder
    openedParts[part] = record
    if isMotionless { hasNoMotion = true }
    for sensor in sensors { opticalSensors[sensor.sensor] = sensor }
    if let newTracker {
      tracker = newTracker(tracker.learned)
      tracker.bodyModel = BodyModel(role)
      batch.reset()
      badness = 0
      isAwaited = true
    }
  }

  func detach(part: Int) {
    guard decoders.indices.contains(part) else { return }
    decoders[part] = nil
  }

  func isOpen(part: Int) -> Bool { decoders.indices.contains(part) && decoders[part] != nil }

  func recenter() { tracker.recenter() }

  /// Takes what others measured of the device's place. The next sample shows it.
  func measure(_ measurement: PositionMeasurement, at time: Timestamp) {
    tap?.measured(measurement, device: id, at: time)
    let outcome = tracker.measure(measurement)
    switch outcome {
    case .started, .used: statistics.measurements.add(1, ordering: .relaxed)
    case .rejected, .unusable: statistics.measurementsRejected.add(1, ordering: .relaxed)
    }
    statistics.measurementDelay.average(time.seconds(since: measurement.captured))
    // The first is where it is: there is nothing to compare it with. What is not believed counts, or noise that is
    // said too small would never show.
    if outcome == .used || outcome == .rejected {
      statistics.measurementConsistency.average(tracker.placeInnovation / 3)
    }
  }

  /// Forgets everything that reports taught it.
  func reset(to tracker: DeviceTracker) {
    self.tracker = tracker
    self.tracker.bodyModel = BodyModel(role)
    for part in decoders.indices { decoders[part] = nil }
    batch.reset()
    badness = 0
    isDegraded = false
    lastBattery = nil
  }

  /// To be taken between two reports.
  var snapshot: DeviceSnapshot {
    let archive = StateArchive()
    archiveRest(archive)
    return DeviceSnapshot(tracker: tracker, rest: archive.words)
  }

  /// Goes on from a snapshot of the same parts. When it does not fit, the tracker stays as it was.
  func restore(_ words: ContiguousArray<UInt64>) throws(StateArchive.Fault) {
    let archive = StateArchive(words: words)
    var tracker = tracker
    tracker.archive(archive)
    archiveRest(archive)
    try archive.finish()
    self.tracker = tracker
  }

  private func archiveRest(_ archive: StateArchive) {
    for decoder in decoders {
      var isThere = decoder != nil
      archive.code(&isThere)
      guard isThere == (decoder != nil) else { return archive.refuse("the snapshot is of other parts") }
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

  /// Takes one report. Errors are counted, and shown as a degraded device when they keep coming.
  ///
  /// - Returns: the newest state that the report led to.
  @discardableResult
  func process(part: Int, _ report: UnsafeRawBufferPointer, received: Timestamp) -> TrackedState? {
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
    if count > 1 { tracker.prepare(oldest: batch.inertial(0), newest: batch.inertial(count - 1)) }
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
    if let orientation = batch.orientation, let state = tracker.process(orientation) {
      newest = publish(state)
    }
    if let acceleration = batch.acceleration { note(acceleration, received) }
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
      var event = TrackingEvent(.wrongMode, device: id, role: role)
      event.index = UInt64(part)
      events?.push(event)
    }
    if isAwaited, newest != nil || hasNoMotion {
      isAwaited = false
      events?.push(TrackingEvent(.streaming, device: id, role: role))
    }
    if batch.lostSamples > 0 { statistics.lostSamples.add(UInt64(batch.lostSamples), ordering: .relaxed) }
    publishInput(received)
    tap?.end(
      captured: newest?.captured, deviceTicks: count > 0 ? batch.inertial(count - 1).deviceTicks : nil)
    updateFigures()
    return newest
  }

  /// What a device that fuses itself says of its acceleration, as the sample that its unit must have taken.
  private func note(_ acceleration: Vector3, _ received: Timestamp) {
    guard let tap, tap.wantsSamples, let state = tracker.history.newest else { return }
    let deviceFromWorld = state.worldFromDevice.orientation.conjugate
    tap.sample(
      captured: received, rate: deviceFromWorld.rotate(state.angularVelocity),
      force: acceleration + deviceFromWorld.rotate(Vector3(0, standardGravity, 0)), device: id)
  }

  private func publish(_ state: TrackedState) -> TrackedState {
    var state = state
    // Nothing that is not finite leaves the bridge, whatever a device sent.
    guard state.worldFromDevice.orientation.isFinite, state.worldFromDevice.position.isFinite,
      state.angularVelocity.isFinite, state.linearVelocity.isFinite
    else { return state }
    if isDegraded { state.flags.insert(.degraded) }
    tap?.state(state, device: id)
    if let presentation {
      guard !presentation.isMuted else { return state }
      state.captured = state.captured.advanced(byNanoseconds: presentation.offset)
      state.received = state.received.advanced(byNanoseconds: presentation.offset)
      state.flags.insert(.recorded)
    }
    page?.publish(slot: slot, state)
    if let events, let demand, demand.isWanted {
      events.push(TrackingEvent(.pose, device: id, role: role, state: PlainState(state)))
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
      guard let events, presentation?.isMuted != true else { continue }
      var event = TrackingEvent(.control, device: id, role: role)
      event.index = UInt64(index)
      event.value = batch.controlValue(index)
      event.state.captured = received.advanced(byNanoseconds: presentation?.offset ?? 0).nanoseconds
      events.push(event)
    }
    if let battery = batch.battery, battery != lastBattery {
      lastBattery = battery
      tap?.battery(battery, device: id, at: received)
      var event = TrackingEvent(.battery, device: id, role: role)
      event.value = battery.level
      event.isCharging = battery.isCharging
      events?.push(event)
    }
    if let isUp = batch.linkChange {
      tap?.link(isUp: isUp, device: id, at: received)
      events?.push(TrackingEvent(isUp ? .linkUp : .linkDown, device: id, role: role))
    }
  }

  private var lastBattery: BatteryState?
  /// The device is asked for another mode once a second, until its reports are of that.
  private var modeSwitchAllowed = Timestamp(nanoseconds: .min)
  /// By their number; the part that knows them need not be the one that brings the light.
  private var opticalSensors: [UInt16: OpticalSensor] = [:]

  private func settle(by change: Int, _ received: Timestamp) {
    badness = min(max(badness + change, 0), 2 * Self.degradedAt)
    if !isDegraded, badness >= Self.degradedAt {
      isDegraded = true
      tap?.health(isDegraded: true, device: id, at: received)
      events?.push(TrackingEvent(.degraded, device: id, role: role))
    } else if isDegraded, badness == 0 {
      isDegraded = false
      tap?.health(isDegraded: false, device: id, at: received)
      events?.push(TrackingEvent(.recovered, device: id, role: role))
    }
  }

  private func updateFigures() {
    let figures = tracker.figures
    statistics.gyroscopeBias = figures.gyroscopeBias
    statistics.gyroscopeNoise.value = figures.gyroscopeNoise
    statistics.driftAtRest.value = figures.drift.atRest
    statistics.driftAgainstGravity.value = figures.drift.againstGravity
    statistics.driftAgainstField.value = figures.drift.againstField
    statistics.isHeadingReferenced.store(figures.isHeadingReferenced, ordering: .relaxed)
    if let clock = tracker.clock {
      statistics.clockResidual.value = clock.residual
      statistics.clockSkew.value = clock.skew
    }
  }
}
