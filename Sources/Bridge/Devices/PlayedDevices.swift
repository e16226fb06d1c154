import BridgeProtocol
import Devices
import Logging
import Sensing
import Spatial
import Tracking

extension DeviceManager {
  /// Takes a device of a played session in; from the thread that plays it.
  ///
  /// - Returns: its pipeline, or nil when there is no room for another.
  func adopt(_ opening: ReplayEngine.Opening) -> DevicePipeline? {
    let (match, identity) = (opening.match, opening.identity)
    let key = DeviceKey(identity, match.description)
    let id = roster.add(
      key, serial: identity.serial, match.description, origin: .recorded, role: opening.role
    ) {
      id, role, slot in
      PipelineReference(
        pipeline: DevicePipeline(
          id: id, role: role, slot: slot, partCount: match.description.parts.count,
          tracker: ReplayEngine.initialTracker(opening), page: page, events: events, demand: demand))
    }
    guard let id else {
      log.error("no room for another device: \(PosePage.slotCount) are the limit")
      return nil
    }
    let arrival = roster.open(
      KnownDevice.OpenInterface(
        transport: PlayedTransport(identity), part: match.part, node: nil, nextKeepAlive: nil),
      part: match.partIndex, of: id, key: key, opened: opening.opened)
    if let arrival { arrived(arrival) }
    enter(.streaming, "", id)
    return roster.device(id)?.pipeline.pipeline
  }
}
