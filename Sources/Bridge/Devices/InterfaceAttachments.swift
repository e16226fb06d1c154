import BridgeProtocol
import Devices
import Diagnostics
import Foundation
import Logging
import Sensing
import Tracking
import TrackingPipeline

/// Joins open interfaces to devices and hands them to the tracking loop.
///
/// An interface that makes its device (a primary part) adds the device when it is new; other interfaces wait until
/// their device is there. Belongs to the device manager's thread.
final class InterfaceAttachments {
  private struct Waiting {
    var match: DeviceCatalog.Match
    var transport: any Transport
    var node: NodeKey?
    var unit: UnitKey?

    var key: DeviceKey { DeviceKey(transport.identity, match.description) }
  }

  private let admission: DeviceAdmission
  private let opener: InterfaceOpener
  private let nodes: HardwareNodes
  private let outputs: DeviceOutputs
  private let reporter: DeviceReporter
  private let settings: CurrentDeviceSettings
  /// Interfaces whose device is not there yet: at most one for each node or virtual interface.
  private var waiting: [Waiting] = []

  private var registry: DeviceRegistry { reporter.registry }
  private var log: Logger { reporter.log }

  init(
    admission: DeviceAdmission, opener: InterfaceOpener, nodes: HardwareNodes, outputs: DeviceOutputs,
    reporter: DeviceReporter, settings: CurrentDeviceSettings
  ) {
    self.admission = admission
    self.opener = opener
    self.nodes = nodes
    self.outputs = outputs
    self.reporter = reporter
    self.settings = settings
  }

  /// Whether the part is open or being opened.
  func isTaken(_ part: PartKey) -> Bool {
    opener.isOpening(part) || registry.device(part.device)?.parts[part.part] != nil
  }

  /// Takes ownership of an open interface: attaches it to its device, holds it back or closes it.
  ///
  /// - Parameters:
  ///   - node: for hardware that udev reported.
  ///   - unit: distinguishes units of one serial number or port.
  func attach(
    _ match: DeviceCatalog.Match, _ transport: any Transport, node: NodeKey? = nil, unit: UnitKey? = nil
  ) {
    let identity = transport.identity
    let found =
      match.isPrimary
      ? admission.admit(identity, match, unit: unit) : admission.find(identity, match, unit: unit)
    guard let id = found else {
      if match.isPrimary {
        logFullPage(match.description)
        transport.close()
      } else {
        waiting.append(Waiting(match: match, transport: transport, node: node, unit: unit))
      }
      return
    }
    guard !isTaken(PartKey(device: id, part: match.partIndex)) else {
      // A second node for the same part (a composite device seen twice) would double every sample.
      log.debug("interface ignored: its part is open already", metadata: ["interface": "\(identity.name)"])
      return transport.close()
    }
    open(match, transport, node: node, unit: unit, id: id)
    guard match.isPrimary else { return }
    let key = DeviceKey(identity, match.description)
    let joining = waiting.filter { $0.key == key }
    waiting.removeAll { $0.key == key }
    for entry in joining { open(entry.match, entry.transport, node: entry.node, unit: entry.unit, id: id) }
  }

  /// Attaches an interface that a driver outside udev opened: a game controller, a network tracker.
  func attach(_ transport: any Transport) {
    guard let match = settings.catalog.match(transport.identity, descriptor: nil) else {
      log.error("no description matches \(transport.identity.name)")
      return transport.close()
    }
    attach(match, transport)
  }

  func logFullPage(_ description: DeviceDescription) {
    log.error(
      "the pose page is full: at most \(PosePage.slotCount) devices can be connected",
      metadata: ["device": "\(description.name)"])
  }

  /// Closes waiting interfaces of recordings and emulators, whose device will not come.
  func closeWaitingVirtual() { closeWaiting { $0.transport.identity.origin != .hardware } }

  /// Closes waiting interfaces of a node that was unplugged.
  func closeWaiting(at path: String) { closeWaiting { $0.node?.path == path } }

  private func closeWaiting(where isGone: (Waiting) -> Bool) {
    for entry in waiting where isGone(entry) { entry.transport.close() }
    waiting.removeAll(where: isGone)
  }

  // MARK: opening

  private func open(
    _ match: DeviceCatalog.Match, _ transport: any Transport, node: NodeKey?, unit: UnitKey?, id: DeviceID
  ) {
    let part = PartKey(device: id, part: match.partIndex)
    if let unit { registry.claim(part, for: unit) }
    if match.isPrimary { reporter.enter(.initialising, "", id) }
    // Recordings, emulators and drivers outside udev reply at once.
    guard transport.identity.origin == .hardware, let node else {
      return finish(InterfaceOpener.prepare(match, transport), match, transport, node: node, part: part)
    }
    let catalog = settings.catalog
    let number = opener.open(part) {
      InterfaceOpener.prepare(match, transport) {
        InterfaceOpener.sibling($0, of: match, transport.identity, catalog)
      }
    } finish: { thread, number, result in
      guard thread.nodes.endOpening(node, number: number) else { return transport.close() }
      thread.attachments.finish(result, match, transport, node: node, part: part)
    }
    if let number { nodes.beginOpening(node, number: number, device: id) } else { transport.close() }
  }

  private func finish(
    _ result: sending InterfaceOpener.Prepared, _ match: DeviceCatalog.Match, _ transport: any Transport,
    node: NodeKey?, part: PartKey
  ) {
    let id = part.device
    var opened: OpenedPart
    switch result {
    case .success(let value): opened = value
    case .failure(let error):
      log.error("\(match.description.name), part \(match.part.name): \(error.printed)")
      transport.close()
      if let node { nodes.refuse(node) } else { registry.release(part) }
      if match.isPrimary { reporter.enter(.blocked, "its reports can't be decoded: \(error)", id) }
      return
    }
    Self.calibrate(&opened, match, transport, settings.configuration)
    for warning in opened.warnings {
      log.warning("\(match.description.name), part \(match.part.name): \(warning)")
    }
    let isNominal = match.part.waitsForPeer && transport.identity.origin == .hardware
    let arrival = registry.open(
      DeviceRecord.OpenInterface(transport: transport, part: match.part, node: node), at: part,
      key: DeviceKey(transport.identity, match.description),
      DeviceRecord.Configured(serial: opened.configuredSerial, calibration: opened.calibration.source))
    guard let reference = registry.device(id)?.pipeline else {
      // Another device has got its slot meanwhile.
      return transport.close()
    }
    if let keepAlive = match.part.keepAlive { outputs.start(keepAlive, of: part) }
    let attachment = PipelineAttachment(
      opened, match, transport, reference: reference, device: id, isNominal: isNominal,
      settings: settings.configuration.estimator.value)
    reporter.loop.post { attachment.attach(to: $0) }
    if let arrival { reporter.arrived(arrival) }
    if isNominal, match.isPrimary {
      reporter.enter(.initialising, "waits for the controller to be switched on", id)
    }
  }

  /// Replaces the device's own calibration by the user's or the model's, where there is one.
  ///
  /// Static, so that the opened part stays apart from this object and may be sent to the tracking thread.
  private static func calibrate(
    _ opened: inout OpenedPart, _ match: DeviceCatalog.Match, _ transport: any Transport,
    _ configuration: Configuration
  ) {
    let store = CalibrationStore.standard(
      descriptions: configuration.descriptionFolders.all,
      environment: ProcessInfo.processInfo.environment)
    let (calibration, warning) = store.calibration(
      family: match.description.family, serial: opened.configuredSerial ?? transport.identity.serial,
      opened: opened.calibration)
    opened.calibration = calibration
    // An uncalibrated magnetometer is not fused.
    if !configuration.magnetometer.value { opened.calibration.magnetometer = nil }
    if let warning { opened.warnings.append(warning) }
  }

  // MARK: radio links

  /// Reads ranges and calibration of a controller behind a radio, after it was switched on.
  func linkEstablished(_ id: DeviceID) {
    guard let device = registry.device(id), device.origin == .hardware,
      let (index, interface) = device.parts.first(where: { $0.value.part.waitsForPeer }),
      let node = interface.node
    else { return }
    let match = DeviceCatalog.Match(description: device.description, partIndex: index)
    let transport = interface.transport
    _ = opener.open(PartKey(device: id, part: index)) {
      InterfaceOpener.read(match, transport)
    } finish: { thread, _, result in
      guard thread.nodes.isOpen(node), case .success(let opened) = result else { return }
      thread.attachments.update(opened, match, transport, id)
    }
  }

  private func update(
    _ opened: sending OpenedPart, _ match: DeviceCatalog.Match, _ transport: any Transport, _ id: DeviceID
  ) {
    guard let device = registry.device(id) else { return }
    var opened = opened
    Self.calibrate(&opened, match, transport, settings.configuration)
    for warning in opened.warnings { log.warning("\(device.name), part \(match.part.name): \(warning)") }
    opened.decoder.assumeLink()
    let source = opened.calibration.source
    let attachment = PipelineAttachment(
      opened, match, transport, reference: device.pipeline, device: id, isNominal: false,
      settings: settings.configuration.estimator.value)
    reporter.loop.post { attachment.update(on: $0) }
    registry.change(id) { device in
      device.calibration = source
      return true
    }
    reporter.enter(.streaming, "", id)
  }
}
