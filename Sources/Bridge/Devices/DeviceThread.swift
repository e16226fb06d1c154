import CLinux
import Devices
import Glibc
import Logging
import Sensing
import TrackingPipeline

/// The device manager's thread: waits for udev, commands, ended interfaces and times, and composes the parts that
/// handle them.
///
/// Neither this type nor its parts are `Sendable`: they are made on the thread and stay on it; other threads send
/// commands through the mailbox.
final class DeviceThread {
  let settings: CurrentDeviceSettings
  let nodes = HardwareNodes()
  let opener: InterfaceOpener
  let outputs: DeviceOutputs
  let attachments: InterfaceAttachments
  let roles: DeviceRoles
  private(set) var trackers: NetworkTrackers?
  private let admission: DeviceAdmission
  private let virtual: VirtualDevices
  private let mailbox: DeviceMailbox
  private let trackerServer: SlimeVRServer?
  private let reporter: DeviceReporter
  private let ended: EventRing<TrackingEvent>
  private var discovery: HardwareDiscovery?
  private var controllers: GameControllerDevices?
  private let epoll: Int32
  private let timer: Int32
  /// When the timer is set for; CLOCK_MONOTONIC, ns; `.max` while it is off.
  private var armed = Int64.max
  private var nextCheck = Int64.max

  private static let checkInterval: Int64 = 250_000_000
  private static let silenceLimit: Int64 = 1_000_000_000
  private static let udevToken: UInt64 = 1
  private static let mailboxToken: UInt64 = 2
  private static let endedToken: UInt64 = 3
  private static let timerToken: UInt64 = 4

  private var registry: DeviceRegistry { reporter.registry }
  private var log: Logger { reporter.log }

  /// - Parameters:
  ///   - ended: interfaces that the tracking loop has closed.
  ///   - trackerServer: of trackers of the network; nil where none is configured.
  init(
    mailbox: DeviceMailbox, ended: EventRing<TrackingEvent>, settings: CurrentDeviceSettings,
    roles: DeviceRoles, pipelines: DevicePipelineFactory, trackerServer: SlimeVRServer?
  ) throws(StartError) {
    self.mailbox = mailbox
    self.trackerServer = trackerServer
    self.ended = ended
    self.settings = settings
    self.roles = roles
    reporter = roles.reporter
    opener = InterfaceOpener(mailbox: mailbox)
    outputs = DeviceOutputs(reporter: reporter)
    admission = DeviceAdmission(
      registry: reporter.registry, roles: roles.store, pipelines: pipelines,
      configuredRoles: settings.configuration.roles.value)
    attachments = InterfaceAttachments(
      admission: admission, opener: opener, nodes: nodes, outputs: outputs, reporter: reporter,
      settings: settings)
    virtual = VirtualDevices(attachments: attachments, settings: settings, log: reporter.log)
    epoll = linux_epoll_create()
    timer = linux_timerfd()
    guard epoll >= 0, timer >= 0 else { throw .noDescriptors("device manager") }
    linux_epoll_add(epoll, mailbox.descriptor, Self.mailboxToken, 0)
    linux_epoll_add(epoll, ended.wakeDescriptor, Self.endedToken, 0)
    linux_epoll_add(epoll, timer, Self.timerToken, 0)
  }

  deinit { for descriptor in [epoll, timer] { Glibc.close(descriptor) } }

  func run() {
    start()
    let capacity = 16
    var tokens = [UInt64](repeating: 0, count: capacity)
    var conditions = [UInt32](repeating: 0, count: capacity)
    while !mailbox.isStopping {
      armTimer()
      let timeout: Int32 = ended.prepareToWait() ? -1 : 0
      let count = Int(linux_epoll_wait(epoll, &tokens, &conditions, Int32(capacity), timeout))
      for index in 0..<max(0, count) {
        switch tokens[index] {
        case Self.udevToken: discovery?.applyChanges()
        case Self.mailboxToken: for command in mailbox.takeAll() { command(self) }
        case Self.endedToken: linux_eventfd_drain(ended.wakeDescriptor)
        case Self.timerToken: onTimer()
        default: break
        }
      }
      while let notice = ended.pop() { interfaceEnded(notice) }
    }
    virtual.stop()
    trackers?.stop()
    controllers?.stop()
    // The tracking loop closes the transports before it ends.
    for reference in registry.pipelines { reporter.loop.post { $0.detach(reference.pipeline) } }
  }

  private func start() {
    let configuration = settings.configuration
    if configuration.hardware.value { startDiscovery() }
    trackers = trackerServer.map {
      NetworkTrackers($0, admission: admission, reporter: reporter, settings: settings)
    }
    if configuration.controllers.value {
      controllers = GameControllerDevices(mailbox: mailbox, catalog: settings.catalog, log: log)
    }
    for text in configuration.recorded.value { virtual.play(text) }
    switch configuration.demo.value {
    case .always: virtual.startDemo()
    case .ifNoHeadset where !registry.hasHeadset && configuration.recorded.value.isEmpty: virtual.startDemo()
    case .ifNoHeadset, .never: break
    }
  }

  private func startDiscovery() {
    guard let udev = UdevMonitor() else {
      return log.warning("libudev is not usable: hardware devices are not found")
    }
    if udev.fileDescriptor >= 0 {
      linux_epoll_add(epoll, udev.fileDescriptor, Self.udevToken, 0)
    } else {
      log.warning("udev reports no changes here: devices that are plugged in later are not found")
    }
    let discovery = HardwareDiscovery(
      udev: udev, nodes: nodes, admission: admission, attachments: attachments, reporter: reporter,
      settings: settings)
    self.discovery = discovery
    discovery.scan()
  }

  // MARK: commands

  /// Starts recordings that wait for a client.
  func clientSubscribed() { virtual.startWaiting() }

  func reload(catalog: DeviceCatalog, configuration: Configuration) {
    settings.catalog = catalog
    settings.configuration = configuration
    admission.configuredRoles = configuration.roles.value
    for (serial, role) in configuration.roles.value {
      if let id = registry.device(serial: serial)?.id { roles.assign(role, to: id) }
    }
    discovery?.scan()
  }

  private func interfaceEnded(_ notice: TrackingEvent) {
    let part = PartKey(device: DeviceID(notice.device), part: Int(notice.part))
    outputs.forget(part)
    let (node, lost) = registry.close(part, now: linux_monotonic_ns())
    if let node { nodes.ended(node) }
    if let lost { reporter.lost(lost, code: notice.errno) }
  }

  // MARK: time

  private func onTimer() {
    var expirations: UInt64 = 0
    _ = read(timer, &expirations, 8)
    let now = linux_monotonic_ns()
    armed = .max
    nextCheck = now + Self.checkInterval
    for change in registry.silences(now: now, limit: Self.silenceLimit) {
      if change.isSilent {
        reporter.enter(.degraded, DeviceRegistry.silent + " although it is open", change.id)
      } else {
        reporter.enter(.streaming, "", change.id)
      }
    }
    outputs.writeDue(now: now)
    discovery?.retryBlocked(now: now)
    trackers?.forgetSilent(now: now)
  }

  /// Sets the timer for scheduled writes, and for regular checks while a device may fall silent or become free.
  private func armTimer() {
    if registry.isWatchful || !nodes.isEmpty || trackers?.hasUnpaired == true {
      if nextCheck == .max { nextCheck = linux_monotonic_ns() + Self.checkInterval }
    } else {
      nextCheck = .max
    }
    let next = min(outputs.next ?? .max, nextCheck)
    guard next != armed else { return }
    armed = next
    if next == .max { linux_timerfd_set(timer, 0, 0) } else { linux_timerfd_set_at(timer, next) }
  }
}
