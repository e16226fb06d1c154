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
  }

  /// Starts or replaces a part. A motion part brings a new tracker that keeps what was learned.
  func attach(
    part: Int, decoder: PartDecoder, tracker newTracker: ((DeviceTracker.Learned?) -> DeviceTracker)?
  ) {
    guard decoders.indices.contains(part) else { return }
    decoders[part] = decoder
    if let newTracker {
      tracker = newTracker(tracker.learned)
      tracker.bodyModel = BodyModel(role)
      batch.reset()
      badness = 0
    }
  }

  func update(calibration: InertialCalibration) { tracker.calibration = calibration }

  func detach(part: Int) {
    guard decoders.indices.contains(part) else { return }
    decoders[part] = nil
  }

  func recenter() { tracker.recenter() }

  /// Takes one report. Errors are counted, and shown as a degraded device when they keep coming.
  ///
  /// - Returns: the newest state that the report led to.
  @discardableResult
  func process(part: Int, _ report: UnsafeRawBufferPointer, received: Timestamp) -> TrackedState? {
    guard let decoder = decoders[part] else { return nil }
    statistics.reports.add(1, ordering: .relaxed)
    batch.begin()
    do {
      _ = try decoder.decode(report, received: received, into: batch)
      settle(by: -1)
    } catch {
      statistics.decodeErrors.add(1, ordering: .relaxed)
      settle(by: Self.badReportWeight)
    }
    var newest: TrackedState?
    let count = batch.inertialCount
    if count > 1 { tracker.prepare(oldest: batch.inertial(0), newest: batch.inertial(count - 1)) }
    for index in 0..<count {
      if let state = tracker.process(batch.inertial(index)) { newest = publish(state) }
    }
    if let orientation = batch.orientation, let state = tracker.process(orientation) {
      newest = publish(state)
    }
    if batch.lostSamples > 0 { statistics.lostSamples.add(UInt64(batch.lostSamples), ordering: .relaxed) }
    publishInput(received)
    updateFigures()
    return newest
  }

  private func publish(_ state: TrackedState) -> TrackedState {
    var state = state
    // Nothing that is not finite leaves the bridge, whatever a device sent.
    guard state.worldFromDevice.orientation.isFinite, state.angularVelocity.isFinite else { return state }
    if isDegraded { state.flags.insert(.degraded) }
    page?.publish(slot: slot, state)
    if let events, let demand, demand.isWanted {
      events.push(TrackingEvent(.pose, device: id, role: role, state: PlainState(state)))
    }
    statistics.states.add(1, ordering: .relaxed)
    return state
  }

  private func publishInput(_ received: Timestamp) {
    guard let events else { return }
    var changed = batch.changedControls
    while changed != 0 {
      let index = changed.trailingZeroBitCount
      changed &= changed - 1
      var event = TrackingEvent(.control, device: id, role: role)
      event.index = UInt64(index)
      event.value = batch.controlValue(index)
      event.state.captured = received.nanoseconds
      events.push(event)
    }
    if let battery = batch.battery, battery != lastBattery {
      lastBattery = battery
      var event = TrackingEvent(.battery, device: id, role: role)
      event.value = battery.level
      event.isCharging = battery.isCharging
      events.push(event)
    }
    if let isUp = batch.linkChange {
      events.push(TrackingEvent(isUp ? .linkUp : .linkDown, device: id, role: role))
    }
  }

  private var lastBattery: BatteryState?

  private func settle(by change: Int) {
    badness = min(max(badness + change, 0), 2 * Self.degradedAt)
    if !isDegraded, badness >= Self.degradedAt {
      isDegraded = true
      events?.push(TrackingEvent(.degraded, device: id, role: role))
    } else if isDegraded, badness == 0 {
      isDegraded = false
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
