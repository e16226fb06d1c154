import BridgeProtocol
import CLinux
import Devices
import Glibc
import Logging
import Sensing
import Tracking

/// A node and the family that is read through it; several may share one.
struct NodeKey: Hashable, Sendable {
  var path: String
  var family: String
}

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
  var family: String
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
    let known = nodes.filter { $0.key.path == node.path }
    guard known.isEmpty else {
      for entry in known.values { if case .blocked = entry.status { retry(entry, node) } }
      return
    }
    // The kernel gives the descriptor in sysfs, so that devices of other kinds need not be opened.
    for match in catalog.matches(node) { found(node, match) }
  }

  private func found(_ node: DeviceNode, _ match: DeviceCatalog.Match) {
    var device: DeviceID?
    if match.isPrimary {
      let key = DeviceKey(node.identity, match.description)
      let serial = node.identity.serial
      device =
        roster.find(key, serial: serial, origin: .hardware)
        ?? create(key, serial: serial, match, origin: .hardware)
      guard let device else { return waitForRoom(node, match) }
      if !isTaken(PartKey(device: device, part: match.partIndex)) { enter(.found, "", device) }
    }
    tryOpening(node, match, device: device)
  }

  /// Every place in the pose page is taken: it is tried again, as one that is forbidden.
  private func waitForRoom(_ node: DeviceNode, _ match: DeviceCatalog.Match) {
    let key = NodeKey(path: node.path, family: match.description.family)
    if nodes[key] == nil {
      log.error(
        "no room for another device: \(PosePage.slotCount) are the limit",
        metadata: ["device": "\(match.description.name)"])
    }
    nodes[key] = HardwareNode(
      node: node, family: key.family, device: nil,
      status: .blocked(retryAt: linux_monotonic_ns() + Self.retryInterval))
    armTimer()
  }

  /// - Parameter node: as it is now; another node may have the path by now.
  private func retry(_ entry: HardwareNode, _ node: DeviceNode) {
    guard let match = catalog.matches(node).first(where: { $0.description.family == entry.family }) else {
      return
    }
    if match.isPrimary, entry.device == nil { return found(node, match) }
    tryOpening(node, match, device: entry.device)
  }

  private func tryOpening(_ node: DeviceNode, _ match: DeviceCatalog.Match, device: DeviceID?) {
    let family = match.description.family
    let key = NodeKey(path: node.path, family: family)
    let isRetry = nodes[key] != nil
    if let device, !isRetry, !isTaken(PartKey(device: device, part: match.partIndex)) {
      enter(.opening, "", device)
    }
    do throws(TransportError) {
      let transport = try node.open(for: match.part)
      nodes[key] = HardwareNode(node: node, family: family, device: device, status: .open)
      attach(match, transport, node: key)
    } catch {
      // A node that vanished again (its driver refused the device) is nobody's fault; udev tells when it is gone.
      let retry = linux_monotonic_ns() + Self.retryInterval
      nodes[key] = HardwareNode(
        node: node, family: family, device: device, status: .blocked(retryAt: retry))
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
      if case .blocked(let at) = entry.status, at <= now { retry(entry, entry.node) }
    }
  }

  func removed(_ path: String) {
    waiting.removeAll { waiting in
      guard waiting.node?.path == path else { return false }
      waiting.transport.close()
      return true
    }
    for key in nodes.keys.filter({ $0.path == path }) {
      guard let entry = nodes.removeValue(forKey: key), let device = entry.device else { continue }
      switch entry.status {
      case .blocked: enter(.lost, "unplugged before it could be opened", device)
      case .opening: enter(.lost, "unplugged while it was being opened", device)
      case .refused: enter(.lost, "unplugged", device)
      case .open: break
      }
    }
  }

  /// Whether the part is open, or about to be.
  func isTaken(_ key: PartKey) -> Bool {
    opening.contains(key) || roster.device(key.device)?.parts[key.part] != nil
  }

  // MARK: opening

  /// Reads an interface's configuration and hands it to the tracking loop.
  func open(
    _ match: DeviceCatalog.Match, _ transport: any Transport, node: NodeKey?, id: DeviceID, key: DeviceKey
  ) {
    let part = PartKey(device: id, part: match.partIndex)
    if match.isPrimary { enter(.initialising, "", id) }
    // What is played or emulated answers at once.
    guard transport.identity.origin == .hardware, let node else {
      return finish(Self.prepare(match, transport).result, match, transport, node: node, part: part, key: key)
    }
    openings += 1
    let number = openings
    nodes[node]?.status = .opening(number)
    nodes[node]?.device = id
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
        guard manager.nodes[node]?.status == .opening(number) else { return transport.close() }
        manager.nodes[node]?.status = .open
        manager.finish(prepared.result, match, transport, node: node, part: part, key: key)
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
      // A radio answers for its controller only while that is on; until then nominal values must do.
      guard match.part.waitsForPeer, transport.identity.origin == .hardware else {
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
    node: NodeKey?, part: PartKey, key: DeviceKey
  ) {
    let id = part.device
    var opened: OpenedPart
    switch result {
    case .success(let value): opened = value
    case .failure(let error):
      log.error("\(match.description.name), part \(match.part.name): \(error)")
      transport.close()
      if let node { nodes[node]?.status = .refused }
      if match.isPrimary { enter(.blocked, "its reports can't be read: \(error)", id) }
      return
    }
    calibrate(&opened, match, transport)
    for warning in opened.warnings {
      log.warning("\(match.description.name), part \(match.part.name): \(warning)")
    }
    let isNominal = match.part.waitsForPeer && transport.identity.origin == .hardware
    let keepAlive = match.part.keepAlive.map { linux_monotonic_ns() + Int64($0.seconds * 1e9) }
    let arrival = roster.open(
      KnownDevice.OpenInterface(
        transport: transport, part: match.part, node: node, nextKeepAlive: keepAlive),
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

  // MARK: modes

  /// Writes what takes a part out of the mode that its reports show.
  func switchMode(of part: Int, _ id: DeviceID) {
    guard let device = roster.device(id), device.origin == .hardware,
      let mode = device.parts[part]?.part.modeSwitch,
      let (index, interface) = device.parts.first(where: { entry in
        mode.part.map { $0 == entry.value.part.name } ?? (entry.key == part)
      })
    else { return }
    do {
      try interface.transport.setFeature(mode.report)
      wrote(mode.report, to: id, part: index, isOutput: false)
    } catch {
      log.warning("\(device.name), part \(interface.part.name): its mode can't be switched: \(error)")
    }
  }

  // MARK: radio

  /// What is behind a radio was switched on: now its ranges and its calibration can be read.
  func linkCame(_ id: DeviceID) {
    guard let device = roster.device(id), device.origin == .hardware,
      let (index, interface) = device.parts.first(where: { $0.value.part.waitsForPeer }),
      let node = interface.node, opening.insert(PartKey(device: id, part: index)).inserted
    else { return }
    let match = DeviceCatalog.Match(description: device.description, partIndex: index)
    openings += 1
    let number = openings
    openers[number] = WorkerThread(name: "opening") { [self] in
      let opened = try? PartOpener.open(match, transport: interface.transport)
      let prepared = opened.map { PreparedPart(result: .success($0)) }
      post { manager in
        manager.openers[number] = nil
        manager.opening.remove(PartKey(device: id, part: index))
        guard manager.nodes[node]?.status == .open, case .success(let opened)? = prepared?.result else {
          return
        }
        manager.linked(opened, match, interface.transport, id)
      }
    }
  }

  private func linked(
    _ opened: OpenedPart, _ match: DeviceCatalog.Match, _ transport: any Transport, _ id: DeviceID
  ) {
    guard let device = roster.device(id) else { return }
    var opened = opened
    calibrate(&opened, match, transport)
    for warning in opened.warnings { log.warning("\(device.name), part \(match.part.name): \(warning)") }
    opened.decoder.assumeLink()
    let box = PipelineAttachment(
      reference: device.pipeline, transport: transport, part: match.partIndex, opened: opened,
      description: match.part, isPrimary: match.isPrimary,
      record: OpenedPartRecord(
        device: id, match: match, identity: transport.identity, descriptor: transport.descriptor,
        opened: opened, isNominal: false, settings: OrientationSettings()))
    loop.post { box.update(on: $0) }
    let source = opened.calibration.source
    roster.change(id) { device in
      device.calibration = source
      return true
    }
    enter(.streaming, "", id)
  }
}
