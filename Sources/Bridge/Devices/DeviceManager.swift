import BridgeProtocol
import CLinux
import Devices
import Foundation
import GameControllers
import Glibc
import Logging
import Sensing
import SwiftProtobuf
import Spatial
import Synchronization
import Tracking

/// Finds devices, opens them, joins their interfaces, gives them roles, keeps them alive and remembers them.
///
/// One thread; what blocks (feature reports, opening) happens here and never on the tracking thread.
///
/// `@unchecked Sendable`: roster and commands are synchronised, the rest belongs to the manager's thread or is
/// constant.
final class DeviceManager: @unchecked Sendable {
  let loop: TrackingLoop
  let page: PosePage
  let events: EventRing<TrackingEvent>
  private let notices: EventRing<TrackingEvent>
  let demand: PoseDemand
  let log: Logger
  private let epoll: Int32
  private let signal: Int32
  private let timer: Int32
  private let isStopping = Atomic<Bool>(false)
  let measurementAllowance = Mutex(MeasurementAllowance())
  private let commands = Mutex<[@Sendable (DeviceManager) -> Void]>([])
  let roster = DeviceRoster()
  let roles: RoleStore
  private let announce: @Sendable (Vrbridge_V1_DeviceEvent) -> Void
  var catalog: DeviceCatalog
  var configuration: Configuration
  private var udev: UdevMonitor?
  /// Nodes that are there and belong to a description.
  var nodes: [NodeKey: HardwareNode] = [:]
  var outputs = DeviceOutputs()
  /// Parts that a thread is opening.
  var opening: Set<PartKey> = []
  var openings = 0
  var openers: [Int: WorkerThread] = [:]
  var controllers: SDLControllers?
  var controllerThread: WorkerThread?
  var trackerServer: SlimeVRServer?
  /// Trackers that ask to be let in, and when they did last.
  var strangers: [DeviceID: Int64] = [:]
  var trackerThread: WorkerThread?
  /// Interfaces without motion whose device has not come yet.
  var waiting: [(match: DeviceCatalog.Match, transport: any Transport, node: NodeKey?)] = []
  private var sources: VirtualDevices?

  private static let udevToken: UInt64 = 1
  private static let signalToken: UInt64 = 2
  private static let noticeToken: UInt64 = 3
  private static let timerToken: UInt64 = 4

  init(
    loop: TrackingLoop, page: PosePage, events: EventRing<TrackingEvent>, notices: EventRing<TrackingEvent>,
    demand: PoseDemand, catalog: DeviceCatalog, configuration: Configuration, log: Logger,
    announce: @escaping @Sendable (Vrbridge_V1_DeviceEvent) -> Void
  ) throws {
    self.loop = loop
    self.page = page
    self.events = events
    self.notices = notices
    self.demand = demand
    self.catalog = catalog
    self.configuration = configuration
    self.log = log
    self.announce = announce
    roles = RoleStore(folder: configuration.stateFolder)
    if let warning = roles.warning { log.warning("\(warning)") }
    epoll = linux_epoll_create()
    signal = linux_eventfd()
    timer = linux_timerfd()
    guard epoll >= 0, signal >= 0, timer >= 0 else {
      throw StartError("no descriptors are left for the device manager")
    }
    linux_epoll_add(epoll, signal, Self.signalToken, 0)
    linux_epoll_add(epoll, notices.wakeDescriptor, Self.noticeToken, 0)
    linux_epoll_add(epoll, timer, Self.timerToken, 0)
  }

  deinit { for descriptor in [epoll, signal, timer] { Glibc.close(descriptor) } }

  // MARK: from any thread

  var messages: [Vrbridge_V1_Device] { roster.messages }
  var figures: [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])] { roster.figures }

  /// Where what has a role was.
  func pose(of role: DeviceRole, _ time: Timestamp, _ page: PosePage) -> Pose? {
    guard let slot = roster.slot(role: role), let state = page.state(slot: slot, at: time),
      state.flags.contains(.orientationValid)
    else { return nil }
    return state.worldFromDevice
  }

  /// Where headsets are plugged in.
  var places: [String] { roster.headsetPlaces }

  func post(_ command: @escaping @Sendable (DeviceManager) -> Void) {
    commands.withLock { $0.append(command) }
    linux_eventfd_signal(signal)
  }

  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    linux_eventfd_signal(signal)
  }

  func setRole(_ id: DeviceID, _ role: DeviceRole) -> Bool {
    guard roster.device(id) != nil else { return false }
    post { $0.assign(role, to: id) }
    return true
  }

  /// Battery, health, modes and links, as the tracking loop saw them.
  func note(_ event: TrackingEvent) {
    let id = DeviceID(event.device)
    if event.kind == .linkUp {
      post { $0.linkCame(id) }
      return
    }
    if event.kind == .wrongMode {
      post { $0.switchMode(of: Int(event.index), id) }
      return
    }
    switch event.kind {
    case .battery:
      let changed = roster.change(id) { device in
        device.battery = BatteryState(level: event.value, isCharging: event.isCharging)
        return true
      }
      if let changed { tell(.changed, changed.message) }
    case .degraded: post { $0.enter(.degraded, "many of its reports can't be right", id) }
    case .recovered, .streaming: post { $0.enter(.streaming, "", id) }
    case .linkDown: post { $0.enter(.degraded, "the radio peer is off or out of reach", id) }
    default: break
    }
  }

  /// Lets recordings start that wait for a client.
  func clientSubscribed() { post { $0.sources?.startWaiting() } }

  func reload(catalog: DeviceCatalog, configuration: Configuration) {
    post { manager in
      manager.catalog = catalog
      manager.configuration = configuration
      for (serial, role) in configuration.roles.value {
        if let id = manager.roster.device(serial: serial)?.id { manager.assign(role, to: id) }
      }
      manager.scan()
    }
  }

  // MARK: the thread

  func run() {
    linux_name_thread("devices")
    let sources = VirtualDevices(manager: self, log: log)
    self.sources = sources
    start(sources)
    let capacity = 16
    var tokens = [UInt64](repeating: 0, count: capacity)
    var conditions = [UInt32](repeating: 0, count: capacity)
    while !isStopping.load(ordering: .sequentiallyConsistent) {
      let timeout: Int32 = notices.prepareToWait() ? -1 : 0
      let count = Int(linux_epoll_wait(epoll, &tokens, &conditions, Int32(capacity), timeout))
      for index in 0..<max(0, count) {
        switch tokens[index] {
        case Self.udevToken:
          while let change = udev?.nextChange() { apply(change) }
        case Self.signalToken:
          linux_eventfd_drain(signal)
          let list = commands.withLock { list in
            defer { list = [] }
            return list
          }
          for command in list { command(self) }
        case Self.noticeToken: linux_eventfd_drain(notices.wakeDescriptor)
        case Self.timerToken: onTimer()
        default: break
        }
      }
      while let notice = notices.pop() { ended(notice) }
    }
    sources.stop()
    stopTrackers()
    stopControllers()
    // Lets the tracking loop close the transports before it ends itself.
    for pipeline in roster.pipelines { detach(pipeline) }
  }

  private func start(_ sources: VirtualDevices) {
    if configuration.hardware.value {
      if let monitor = UdevMonitor() {
        udev = monitor
        if monitor.fileDescriptor >= 0 {
          linux_epoll_add(epoll, monitor.fileDescriptor, Self.udevToken, 0)
        } else {
          log.warning("udev can't be watched here: devices plugged in later are not noticed")
        }
        scan()
      } else {
        log.warning("libudev can't be used: no real devices")
      }
    }
    startTrackers()
    startControllers()
    for text in configuration.recorded.value { sources.play(text, catalog: catalog) }
    switch configuration.demo.value {
    case .always: sources.startDemo(catalog: catalog)
    case .ifNoHeadset where !roster.hasHeadset && configuration.recorded.value.isEmpty:
      sources.startDemo(catalog: catalog)
    case .ifNoHeadset, .never: break
    }
  }

  // MARK: hardware

  private func scan() {
    guard let udev else { return }
    for node in udev.enumerate() { apply(.added(node)) }
  }

  private func apply(_ change: UdevMonitor.Change) {
    switch change {
    case .added(let node): found(node)
    case .removed(let path): removed(path)
    }
  }

  // MARK: devices

  /// Joins an open interface to its device, which is made when it is new and found again when it was here before.
  func attach(_ match: DeviceCatalog.Match, _ transport: any Transport, node: NodeKey? = nil) {
    let key = DeviceKey(transport.identity, match.description)
    let serial = transport.identity.serial
    let motion = match.isPrimary
    let origin = transport.identity.origin
    let known = roster.find(key, serial: serial, origin: origin)
    guard let id = known ?? (motion ? create(key, serial: serial, match, origin: origin) : nil) else {
      if motion {
        log.error(
          "no room for another device: \(PosePage.slotCount) are the limit",
          metadata: ["device": "\(match.description.name)"])
        transport.close()
      } else {
        waiting.append((match, transport, node))
      }
      return
    }
    if isTaken(PartKey(device: id, part: match.partIndex)) {
      // A second node for the same part (a composite device seen twice) would double every sample.
      log.debug(
        "interface ignored: its part is open already", metadata: ["interface": "\(transport.identity.name)"])
      transport.close()
      return
    }
    open(match, transport, node: node, id: id, key: key)
    guard motion else { return }
    let joining = waiting.filter { DeviceKey($0.transport.identity, $0.match.description) == key }
    waiting.removeAll { DeviceKey($0.transport.identity, $0.match.description) == key }
    for entry in joining { open(entry.match, entry.transport, node: entry.node, id: id, key: key) }
  }

  /// Gives up interfaces of recordings and emulators whose device did not come.
  func closeWaitingVirtual() {
    waiting.removeAll { entry in
      guard entry.transport.identity.origin != .hardware else { return false }
      entry.transport.close()
      return true
    }
  }

  /// Lays what a person measured, or what is known of the model, over what the device gave.
  func calibrate(_ opened: inout OpenedPart, _ match: DeviceCatalog.Match, _ transport: any Transport) {
    let store = CalibrationStore.standard(
      descriptions: configuration.descriptions.value, environment: ProcessInfo.processInfo.environment)
    let (calibration, warning) = store.calibration(
      family: match.description.family, serial: opened.configuredSerial ?? transport.identity.serial,
      opened: opened.calibration)
    opened.calibration = calibration
    // Without its calibration a magnetometer takes no part.
    if !configuration.magnetometer.value { opened.calibration.magnetometer = nil }
    if let warning { opened.warnings.append(warning) }
  }

  func create(
    _ key: DeviceKey, serial: String, _ match: DeviceCatalog.Match, origin: Origin
  ) -> DeviceID? {
    roster.add(
      key, serial: serial, match.description, origin: origin,
      role: configuration.roles.value[serial],
      remembered: origin == .hardware ? roles.role(key, serial: serial) : nil
    ) { id, role, slot in
      PipelineReference(
        pipeline: DevicePipeline(
          id: id, role: role, slot: slot, partCount: match.description.parts.count,
          tracker: DeviceTracker(
            calibration: InertialCalibration(), sampleRate: match.part.sampleRate, clock: nil, origin: origin),
          page: page, events: events, demand: demand))
    }
  }

  func arrived(_ device: KnownDevice) {
    identify(device)
    log.info(
      "device arrived",
      metadata: [
        "device": "\(device.name)", "id": "\(device.id.number)", "serial": "\(device.serial)",
        "role": "\(device.role.name)", "origin": "\(device.origin.name)",
        "calibration": "\(device.calibration.rawValue)",
      ])
    tell(.arrived, device.message)
  }

  private func identify(_ device: KnownDevice) {
    let page = page
    // The page has one writer, the tracking thread.
    let (slot, id, role, origin, isConnected, name) = (
      device.slot, device.id, device.role, device.origin, device.isConnected, device.name
    )
    loop.post { _ in
      page.identify(slot: slot, device: id, role: role, origin: origin, isConnected: isConnected, name: name)
    }
  }

  private func ended(_ notice: TrackingEvent) {
    outputs.forget(PartKey(device: DeviceID(notice.device), part: Int(notice.index)))
    let (node, lost) = roster.close(
      part: Int(notice.index), of: DeviceID(notice.device), now: linux_monotonic_ns())
    if let node, nodes[node]?.status == .open { nodes[node] = nil }
    guard let change = lost else { return }
    identify(change)
    let reason = notice.value == 0 ? "ended" : errorText(Int32(notice.value))
    let isRemote = change.key.place.hasPrefix("udp-")
    enter(
      .lost,
      isRemote
        ? "not heard for a second" : Int32(notice.value) == EIO ? "unplugged or switched off" : reason,
      change.id)
    log.info(
      "device lost",
      metadata: [
        "device": "\(change.name)", "id": "\(change.id.number)", "reason": "\(reason)",
        "figures": "\(change.statistics.summary)",
      ])
    tell(.lost, roster.device(change.id)?.message ?? change.message)
  }

  private func detach(_ reference: PipelineReference) {
    loop.post { $0.detach(reference.pipeline) }
  }

  private func assign(_ role: DeviceRole, to id: DeviceID) {
    let changed = roster.assign(role, to: id)
    for device in changed {
      let box = device.pipeline
      let role = device.role
      loop.post { $0.setRole(role, of: box.pipeline) }
      identify(device)
      tell(.changed, device.message)
    }
    // What is played or emulated has the roles of its description.
    let real = changed.filter { $0.origin == .hardware }.map {
      (key: $0.key, serial: $0.serial, role: $0.role)
    }
    guard !real.isEmpty else { return }
    do { try roles.set(real) } catch { log.warning("roles can't be kept: \(error.localizedDescription)") }
  }

  /// For the session that may be recorded.
  func wrote(_ report: [UInt8], to device: DeviceID, part: Int, isOutput: Bool) {
    let time = Timestamp(nanoseconds: linux_monotonic_ns())
    onWrite?(.written(report, device: device, part: part, isOutput: isOutput, at: time))
  }

  /// Is told of reports that are written; set before `run`.
  var onWrite: (@Sendable (SideRecord) -> Void)?

  /// Makes the present headings the world's −Z, for every device.
  func recenter() {
    loop.post { $0.recenter() }
    tell(.recentered, Vrbridge_V1_Device())
  }

  private func tell(_ kind: Vrbridge_V1_DeviceEvent.Kind, _ device: Vrbridge_V1_Device) {
    announce(
      .with {
        $0.kind = kind
        $0.device = device
        $0.timeNs = linux_monotonic_ns()
      })
  }

  // MARK: time

  private static let lookInterval: Int64 = 250_000_000
  private static let silenceLimit: Int64 = 1_000_000_000

  private func onTimer() {
    var expirations: UInt64 = 0
    _ = read(timer, &expirations, 8)
    let now = linux_monotonic_ns()
    for (device, part, transport, report) in roster.dueKeepAlives(now: now) {
      do { try transport.setFeature(report) } catch { log.debug("keep-alive failed: \(error)") }
      wrote(report, to: device, part: part, isOutput: false)
    }
    for change in roster.silences(now: now, limit: Self.silenceLimit) {
      if change.isSilent {
        enter(.degraded, DeviceRoster.silent + " although it is open", change.id)
      } else {
        enter(.streaming, "", change.id)
      }
    }
    writeDue(now: now)
    retryBlocked(now: now)
    forgetStrangers(now: now)
    armTimer()
  }

  /// Wakes for keep-alives, and regularly while a device may fall silent or become free.
  func armTimer() {
    var next = [roster.nextKeepAlive, outputs.next].compactMap { $0 }.min()
    if roster.isWatchful || !nodes.isEmpty || !strangers.isEmpty {
      next = min(next ?? .max, linux_monotonic_ns() + Self.lookInterval)
    }
    if let next { linux_timerfd_set_at(timer, next) } else { linux_timerfd_set(timer, 0, 0) }
  }

  // MARK: states

  /// Notes a state and tells everybody: clients, the log, the session that may be recorded.
  func enter(_ state: DeviceState, _ reason: String, _ id: DeviceID) {
    let now = linux_monotonic_ns()
    guard let device = roster.enter(state, reason, id, now: now) else { return }
    let text = reason.isEmpty ? "" : ": \(reason)"
    log.log(
      level: state == .blocked || state == .degraded ? .warning : .debug, "\(state.name)\(text)",
      metadata: ["device": "\(device.name)", "id": "\(id.number)", "serial": "\(device.serial)"])
    tell(.state, device.message)
    // Clients of protocol 1.1 know degraded devices by this.
    if state == .degraded || state == .streaming { tell(.changed, device.message) }
    onWrite?(.transition(state, reason: reason, device: id, at: Timestamp(nanoseconds: now)))
  }
}
