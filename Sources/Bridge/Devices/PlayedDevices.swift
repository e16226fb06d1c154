import BridgeProtocol
import Devices
import Logging
import Sensing
import TrackingPipeline

/// Registers the devices of a session that is played in place of hardware.
struct PlayedDevices: Sendable {
  let reporter: DeviceReporter
  let pipelines: DevicePipelineFactory

  /// Registers a device of the session; on the thread that plays it.
  ///
  /// - Returns: its pipeline; nil when the pose page is full.
  func register(_ opening: ReplayEngine.Opening) -> DevicePipeline? {
    let (match, identity, registry) = (opening.match, opening.identity, reporter.registry)
    let key = DeviceKey(identity, match.description)
    let id = registry.add(
      key, serial: identity.serial, match.description, origin: .recorded,
      role: DeviceRegistry.RoleWish(required: opening.role)
    ) { id, role, slot in
      pipelines.make(
        id, role, slot: slot, partCount: match.description.parts.count,
        tracker: ReplayEngine.initialTracker(opening))
    }
    guard let id else {
      reporter.log.error("the pose page is full: at most \(PosePage.slotCount) devices can be connected")
      return nil
    }
    let arrival = registry.open(
      DeviceRecord.OpenInterface(transport: PlayedTransport(identity), part: match.part, node: nil),
      at: PartKey(device: id, part: match.partIndex), key: key,
      DeviceRecord.Configured(
        serial: opening.opened.configuredSerial, calibration: opening.opened.calibration.source))
    if let arrival { reporter.arrived(arrival) }
    reporter.enter(.streaming, "", id)
    return registry.device(id)?.pipeline.pipeline
  }
}
