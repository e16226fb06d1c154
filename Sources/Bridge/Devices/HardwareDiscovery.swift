import CLinux
import Devices
import Diagnostics
import Glibc
import Logging
import Sensing
import TrackingPipeline

/// Finds hardware through udev and opens the nodes that a description matches, again while they are blocked.
///
/// Belongs to the device manager's thread.
final class HardwareDiscovery {
  private let udev: UdevMonitor
  private let nodes: HardwareNodes
  private let admission: DeviceAdmission
  private let attachments: InterfaceAttachments
  private let reporter: DeviceReporter
  private let settings: CurrentDeviceSettings

  private static let retryInterval: Int64 = 500_000_000

  init(
    udev: UdevMonitor, nodes: HardwareNodes, admission: DeviceAdmission, attachments: InterfaceAttachments,
    reporter: DeviceReporter, settings: CurrentDeviceSettings
  ) {
    self.udev = udev
    self.nodes = nodes
    self.admission = admission
    self.attachments = attachments
    self.reporter = reporter
    self.settings = settings
  }

  /// Applies all nodes that are attached now.
  func scan() { for node in udev.enumerate() { found(node) } }

  /// Applies changes that udev reported since the last call.
  func applyChanges() {
    while let change = udev.nextChange() {
      switch change {
      case .added(let node): found(node)
      case .removed(let path): removed(path)
      }
    }
  }

  /// Opens blocked nodes whose time has come: udev reports neither that permissions changed nor that another program
  /// has closed a node.
  func retryBlocked(now: Int64) { for entry in nodes.due(now: now) { retry(entry, entry.node) } }

  /// A node was added, or its permissions may have changed.
  private func found(_ node: DeviceNode) {
    let known = nodes.entries(at: node.path)
    guard known.isEmpty else {
      for entry in known { if case .blocked = entry.status { retry(entry, node) } }
      return
    }
    // The kernel gives the descriptor in sysfs, so that devices of other kinds need not be opened.
    for match in settings.catalog.matches(node) { found(node, match) }
  }

  private func found(_ node: DeviceNode, _ match: DeviceCatalog.Match) {
    guard match.isPrimary else { return open(node, match, device: nil) }
    guard let device = admission.admit(node.identity, match, unit: UnitKey(node)) else {
      return waitForSlot(node, match)
    }
    if !attachments.isTaken(PartKey(device: device, part: match.partIndex)) {
      reporter.enter(.found, "", device)
    }
    open(node, match, device: device)
  }

  /// The pose page is full: the node is retried like a blocked one.
  private func waitForSlot(_ node: DeviceNode, _ match: DeviceCatalog.Match) {
    let entry = blocked(node, match, device: nil)
    if !nodes.contains(entry.key) { attachments.logFullPage(match.description) }
    nodes.set(entry)
  }

  /// - Parameter node: as it is now; another node may have the path by now.
  private func retry(_ entry: HardwareNode, _ node: DeviceNode) {
    guard let match = settings.catalog.matches(node).first(where: { $0.description.family == entry.family })
    else { return }
    if match.isPrimary, entry.device == nil { return found(node, match) }
    open(node, match, device: entry.device)
  }

  private func open(_ node: DeviceNode, _ match: DeviceCatalog.Match, device: DeviceID?) {
    let key = NodeKey(path: node.path, family: match.description.family)
    let isRetry = nodes.contains(key)
    let free = device.flatMap { device in
      attachments.isTaken(PartKey(device: device, part: match.partIndex)) ? nil : device
    }
    if let free, !isRetry { reporter.enter(.opening, "", free) }
    do throws(TransportError) {
      let transport = try node.open(for: match.part)
      nodes.set(HardwareNode(node: node, family: key.family, device: device, status: .open))
      attachments.attach(match, transport, node: key, unit: UnitKey(node))
    } catch {
      nodes.set(blocked(node, match, device: device))
      // A node may vanish while it is opened (its driver refused the device); udev then reports its removal.
      let isGone = error.code == ENOENT || error.code == ENODEV || error.code == ENXIO
      if let free, !isGone {
        reporter.enter(.blocked, Doctor.obstacle(node, code: error.code), free)
      } else if !isGone, !isRetry {
        reporter.log.warning(
          "\(match.description.name), part \(match.part.name) can't be opened: \(error.printed)")
      }
    }
  }

  private func blocked(_ node: DeviceNode, _ match: DeviceCatalog.Match, device: DeviceID?) -> HardwareNode {
    HardwareNode(
      node: node, family: match.description.family, device: device,
      status: .blocked(retryAt: linux_monotonic_ns() + Self.retryInterval))
  }

  private func removed(_ path: String) {
    attachments.closeWaiting(at: path)
    for entry in nodes.remove(at: path) {
      guard let device = entry.device else { continue }
      reporter.registry.release(device, by: UnitKey(entry.node))
      switch entry.status {
      case .blocked: reporter.enter(.lost, "unplugged before it could be opened", device)
      case .opening: reporter.enter(.lost, "unplugged while it was being opened", device)
      case .refused: reporter.enter(.lost, "unplugged", device)
      // The tracking loop reports the end of open interfaces.
      case .open: break
      }
    }
  }
}
