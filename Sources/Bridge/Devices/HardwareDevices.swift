import BridgeProtocol
import CLinux
import Devices
import Glibc
import Logging
import Sensing
import Tracking

/// A hidraw node that a description fits.
struct HardwareNode: Sendable {
  enum Status: Sendable, Equatable {
    case open
    /// A thread is reading its configuration; the number tells openings of the same path apart.
    case opening(Int)
    /// It can't be opened now; tried again at the time.
    case blocked(retryAt: Int64)
    /// Nothing more is tried with it.
    case refused
  }
  var node: DeviceNode
  var device: DeviceID?
  var status: Status
}

struct PartKey: Hashable, Sendable {
  var device: DeviceID
  var part: Int
}

/// What opening an interface gave.
///
/// `@unchecked Sendable`: made by the thread that opens, handed to the manager and not touched by the giver again.
private struct PreparedPart: @unchecked Sendable {
  let result: Result<OpenedPart, LayoutError>
}

/// Real devices: from a node on the bus to an open interface.
///
/// Asking a device for its configuration can take as long as the kernel waits for an answer, five seconds a
/// request; each interface is therefore opened on a thread of its own, and the manager goes on.
extension DeviceManager {
  private static let retryInterval: Int64 = 500_000_000

  /// A node came, or its permissions may have changed.
  func found(_ node: DeviceNode) {
    if let known = nodes[node.path] {
      if case .blocked = known.status { tryOpening(node, match(node), device: known.device) }
      return
    }
    // The kernel gives the descriptor in sysfs, so that devices of other kinds need not be opened.
    guard let match = match(node) else { return }
    var device: DeviceID?
    if match.isPrimary {
      let key = DeviceKey(node.identity, match.description)
      let serial = node.identity.serial
      device =
        roster.find(key, serial: serial, origin: .hardware)
        ?? create(key, serial: serial, match, origin: .hardware)
      guard let device else {
        log.error(
          "no room for another device: \(PosePage.slotCount) are the limit",
          metadata: ["device": "\(match.description.name)"])
        return
      }
      if !isTaken(PartKey(device: device, part: match.partIndex)) { enter(.found, "", device) }
    }
    tryOpening(node, match, device: device)
  }

  private func match(_ node: DeviceNode) -> DeviceCatalog.Match? {
    catalog.match(node)
  }

  private func tryOpening(_ node: DeviceNode, _ match: DeviceCatalog.Match?, device: DeviceID?) {
    guard let match else { return }
    let isRetry = nodes[node.path] != nil
    if let device, !isRetry, !isTaken(PartKey(device: device, part: match.partIndex)) {
      enter(.opening, "", device)
    }
    do throws(TransportError) {
      let transport = try node.open(for: match.part)
      nodes[node.path] = HardwareNode(node: node, device: device, status: .open)
      attach(match, transport, path: node.path)
    } catch {
      // A node that vanished again (its driver refused the device) is nobody's fault; udev tells when it is gone.
      let retry = linux_monotonic_ns() + Self.retryInterval
      nodes[node.path] = HardwareNode(node: node, device: device, status: .blocked(retryAt: retry))
      let isGone = error.code == ENOENT || error.code == ENODEV || error.code == ENXIO
      if let device, !isGone, !isTaken(PartKey(device: device, part: match.partIndex)) {
        enter(.blocked, Doctor.obstacle(node, code: error.code), device)
      } else if !isGone, !isRetry {
        log.warning("\(match.description.name), part \(match.part.name) can't be opened: \(error)")
      }
      armTimer()
    }
  }

  /// Opens what could not be opened before: permissions mend and other programs end without udev telling.
  func retryBlocked(now: Int64) {
    for entry in nodes.values {
      if case .blocked(let at) = entry.status, at <= now {
        tryOpening(entry.node, match(entry.node), device: entry.device)
      }
    }
  }

  func removed(_ path: String) {
    let entry = nodes.removeValue(forKey: path)
    waiting.removeAll { waiting in
      guard waiting.path == path else { return false }
      waiting.transport.close()
      return true
    }
    guard let entry, let device = entry.device else { return }
    switch entry.status {
    case .blocked: enter(.lost, "unplugged before it could be opened", device)
    case .opening: enter(.lost, "unplugged while it was being opened", device)
    case .refused: enter(.lost, "unplugged", device)
    case .open: break
    }
  }

  /// Whether the part is open, or about to be.
  func isTaken(_ key: PartKey) -> Bool {
    opening.contains(key) || roster.device(key.device)?.parts[key.part] != nil
  }

  // MARK: opening

  /// Reads an interface's configuration and hands it to the tracking loop.
  func open(
    _ match: DeviceCatalog.Match, _ transport: any Transport, path: String?, id: DeviceID, key: DeviceKey
  ) {
    let part = PartKey(device: id, part: match.partIndex)
    if match.isPrimary { enter(.initialising, "", id) }
    // What is played or emulated answers at once.
    guard transport.identity.origin == .hardware, let path else {
      return finish(Self.prepare(match, transport).result, match, transport, path: path, part: part, key: key)
    }
    openings += 1
    let number = openings
    nodes[path]?.status = .opening(number)
    nodes[path]?.device = id
    opening.insert(part)
    let catalog = catalog
    openers[number] = WorkerThread(name: "opening") { [self] in
      let prepared = Self.prepare(match, transport) {
        Self.sibling($0, of: match, transport.identity, catalog)
      }
      post { manager in
        manager.openers[number] = nil
        manager.opening.remove(part)
        // Unplugged meanwhile; the same path may be another device by now.
        guard manager.nodes[path]?.status == .opening(number) else { return transport.close() }
        manager.nodes[path]?.status = .open
        manager.finish(prepared.result, match, transport, path: path, part: part, key: key)
      }
    }
  }

  /// Opens another interface of the same device, which may be a moment behind.
  private static func sibling(
    _ part: String, of match: DeviceCatalog.Match, _ identity: InterfaceIdentity, _ catalog: DeviceCatalog
  ) -> (any FeatureAccess)? {
    guard let udev = UdevMonitor() else { return nil }
    let key = DeviceKey(identity, match.description)
    for _ in 0..<10 {
      let node = udev.enumerate().first { node in
        guard let other = catalog.match(node), other.part.name == part else { return false }
        return other.description.family == match.description.family
          && DeviceKey(node.identity, other.description) == key
      }
      if let node, let transport = try? node.open(for: match.part) { return OwnedTransport(transport) }
      usleep(50_000)
    }
    return nil
  }

  private static func prepare(
    _ match: DeviceCatalog.Match, _ transport: any Transport,
    sibling: (String) -> (any FeatureAccess)? = { _ in nil }
  ) -> PreparedPart {
    do throws(LayoutError) {
      // A dongle answers for its wand only while that is on; until then nominal values must do.
      guard match.part.driver == .watchman, transport.identity.origin == .hardware else {
        return PreparedPart(
          result: .success(try PartOpener.open(match, transport: transport, sibling: sibling)))
      }
      let decoder = try PartDecoder(
        part: match.part, descriptor: transport.descriptor, controls: match.description.controls)
      return PreparedPart(
        result: .success(OpenedPart(decoder: decoder, calibration: InertialCalibration(), warnings: [])))
    } catch {
      return PreparedPart(result: .failure(error))
    }
  }

  private func finish(
    _ result: Result<OpenedPart, LayoutError>, _ match: DeviceCatalog.Match, _ transport: any Transport,
    path: String?, part: PartKey, key: DeviceKey
  ) {
    let id = part.device
    var opened: OpenedPart
    switch result {
    case .success(let value): opened = value
    case .failure(let error):
      log.error("\(match.description.name), part \(match.part.name): \(error)")
      transport.close()
      if let path { nodes[path]?.status = .refused }
      if match.isPrimary { enter(.blocked, "its reports can't be read: \(error)", id) }
      return
    }
    calibrate(&opened, match, transport)
    for warning in opened.warnings {
      log.warning("\(match.description.name), part \(match.part.name): \(warning)")
    }
    let isNominal = match.part.driver == .watchman && transport.identity.origin == .hardware
    let keepAlive = match.part.keepAlive.map { linux_monotonic_ns() + Int64($0.seconds * 1e9) }
    let arrival = roster.open(
      KnownDevice.OpenInterface(
        transport: transport, part: match.part, path: path, nextKeepAlive: keepAlive),
      part: match.partIndex, of: id, key: key, opened: opened)
    guard let reference = roster.device(id)?.pipeline else {
      // Its place went to another device meanwhile.
      return transport.close()
    }
    let box = PipelineAttachment(
      reference: reference, transport: transport, part: match.partIndex, opened: opened,
      description: match.part, isPrimary: match.isPrimary,
      record: OpenedPartRecord(
        device: id, match: match, identity: transport.identity, descriptor: transport.descriptor,
        opened: opened, isNominal: isNominal, settings: OrientationSettings()))
    loop.post { box.attach(to: $0) }
    if let arrival { arrived(arrival) }
    if isNominal, match.isPrimary {
      enter(.initialising, "waits for the controller to be switched on", id)
    }
    armTimer()
  }
}
