import BridgeProtocol
import CLinux
import Devices
import Diagnostics
import Logging
import Sensing
import Spatial
import Tracking
import TrackingPipeline

/// Finds devices, opens them, joins their interfaces, assigns roles, keeps them alive and remembers them.
///
/// This type is used from any thread. What changes belongs to the registry, which is synchronised, or to
/// `DeviceThread`, which exists only in `run`. Whatever blocks (feature reports, opening) happens there and never on the
/// tracking thread.
final class DeviceManager: Sendable {
  /// What the manager reads from and publishes to.
  struct Dependencies: Sendable {
    var reporter: DeviceReporter
    var pipelines: DevicePipelineFactory
    /// Interfaces that the tracking loop has closed.
    var ended: EventRing<TrackingEvent>
  }

  private let reporter: DeviceReporter
  private let pipelines: DevicePipelineFactory
  private let ended: EventRing<TrackingEvent>
  private let catalog: DeviceCatalog
  private let configuration: Configuration
  private let roles: DeviceRoles
  private let measurements: ExternalMeasurements
  private let mailbox: DeviceMailbox
  private let trackerServer: SlimeVRServer?
  /// Registers devices of a session that is played.
  let played: PlayedDevices

  init(
    _ dependencies: Dependencies, catalog: DeviceCatalog, configuration: Configuration
  ) throws(StartError) {
    reporter = dependencies.reporter
    pipelines = dependencies.pipelines
    ended = dependencies.ended
    self.catalog = catalog
    self.configuration = configuration
    let store = RoleStore(folder: configuration.stateFolder)
    if let warning = store.warning { reporter.log.warning("\(warning)") }
    roles = DeviceRoles(store: store, reporter: reporter)
    measurements = ExternalMeasurements(registry: reporter.registry, loop: reporter.loop)
    played = PlayedDevices(reporter: reporter, pipelines: pipelines)
    mailbox = try DeviceMailbox()
    trackerServer = try NetworkTrackers.server(
      configuration, mailbox: mailbox, registry: reporter.registry)
  }

  private var registry: DeviceRegistry { reporter.registry }

  /// Ports of connected headsets.
  var headsetPorts: [String] { registry.headsetPorts }

  /// Returns the pose of the device with a role at a time; nil while none is tracked.
  func pose(of role: DeviceRole, at time: Timestamp) -> Pose? {
    guard let slot = registry.slot(role: role), let state = reporter.page.state(slot: slot, at: time),
      state.flags.contains(.orientationValid)
    else { return nil }
    return state.worldFromDevice
  }

  /// The thread's body; returns after `stop`.
  func run() {
    linux_name_thread("devices")
    do {
      let thread = try DeviceThread(
        mailbox: mailbox, ended: ended,
        settings: CurrentDeviceSettings(catalog: catalog, configuration: configuration), roles: roles,
        pipelines: pipelines, trackerServer: trackerServer)
      thread.run()
    } catch { reporter.log.critical("\(error.printed)") }
  }

  func stop() { mailbox.stop() }

  /// Adds an open interface that a program supplies; for benchmarks and tests.
  func attach(_ match: DeviceCatalog.Match, _ transport: any Transport) {
    mailbox.post { $0.attachments.attach(match, transport) }
  }

  /// Starts recordings that wait for a client.
  func clientSubscribed() { mailbox.post { $0.clientSubscribed() } }

  /// Replaces descriptions and configuration.
  func reload(catalog: DeviceCatalog, configuration: Configuration) {
    mailbox.post { $0.reload(catalog: catalog, configuration: configuration) }
  }

  /// Takes an event of the tracking loop that concerns a device: battery, health, mode or link.
  func handle(_ event: TrackingEvent) {
    let id = DeviceID(event.device)
    switch event.kind {
    case .battery:
      let changed = registry.change(id) { device in
        device.battery = BatteryState(level: event.level, isCharging: event.isCharging)
        return true
      }
      if let changed { reporter.changed(changed) }
    case .degraded: enter(.degraded, "many of its reports are invalid", id)
    case .recovered, .streaming: enter(.streaming, "", id)
    case .linkUp: mailbox.post { $0.attachments.linkEstablished(id) }
    case .linkDown: enter(.degraded, "the wireless device is off or out of range", id)
    case .wrongMode: mailbox.post { $0.outputs.switchMode(of: Int(event.part), id) }
    case .limitation: limited(event.limitation, id)
    case .gap:
      let (reporter, seconds) = (reporter, event.value)
      mailbox.post { _ in reporter.interrupted(id, seconds: seconds) }
    case .pose, .control, .ended: break
    }
  }

  private func limited(_ packed: PackedLimitation, _ id: DeviceID) {
    let (reporter, text) = (reporter, packed.limitation.text)
    let kind: DeviceLimitation
    switch packed.limitation {
    case .clock: kind = .clock
    case .simpleReports: kind = .simpleReports
    case .noChecksum: kind = .checksum
    case .timeStep:
      let name = registry.device(id)?.name ?? ""
      return reporter.log.warning("\(text)", metadata: ["device": "\(name)", "id": "\(id.number)"])
    }
    mailbox.post { _ in reporter.limit(kind, packed.isActive ? text : nil, id) }
  }

  private func enter(_ state: DeviceState, _ reason: String, _ id: DeviceID) {
    let reporter = reporter
    mailbox.post { _ in reporter.enter(state, reason, id) }
  }
}

extension DeviceManager: DeviceControl {
  var statuses: [DeviceStatus] { registry.statuses }

  func vibrate(_ request: HapticRequest) throws(DeviceRequestError) {
    guard try connected(request.device).hasHaptics else { throw .cannotVibrate(request.device) }
    guard mailbox.offer({ $0.outputs.vibrate(request) }) else { throw .busy }
  }

  func shine(_ request: LightRequest) throws(DeviceRequestError) {
    guard try connected(request.device).hasLight else { throw .hasNoLight(request.device) }
    guard mailbox.offer({ $0.outputs.shine(request) }) else { throw .busy }
  }

  private func connected(_ id: DeviceID) throws(DeviceRequestError) -> DeviceRecord {
    guard let device = registry.device(id), device.isConnected else { throw .unknownDevice(id) }
    return device
  }

  func setRole(_ role: DeviceRole, of device: DeviceID) throws(DeviceRequestError) {
    guard registry.device(device) != nil else { throw .unknownDevice(device) }
    guard mailbox.offer({ $0.roles.assign(role, to: device) }) else { throw .busy }
  }

  func recenter() {
    reporter.loop.post { $0.recenter() }
    reporter.recentered()
  }

  func measure(_ measurements: [(device: DeviceID, PoseMeasurement)]) throws(DeviceRequestError) {
    try self.measurements.take(measurements)
  }
}
