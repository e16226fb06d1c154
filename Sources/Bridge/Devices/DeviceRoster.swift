import BridgeProtocol
import Devices
import Sensing
import Spatial
import SwiftProtobuf
import Synchronization

/// Who is who: every device that is or was there, its number, role, place in the page and open interfaces.
///
/// Decides; opens and closes nothing. Any thread may ask, the device manager changes.
final class DeviceRoster: Sendable {
  private struct State {
    var devices: [KnownDevice] = []
    var nextID: UInt32 = 1
  }
  private let state = Mutex(State())

  // MARK: questions

  var messages: [Vrbridge_V1_Device] { state.withLock { $0.devices.map(\.message) } }
  var hasHeadset: Bool { state.withLock { $0.devices.contains { $0.description.kind == .headset } } }
  /// Trackers that ask to be let in.
  var strangers: Int {
    state.withLock { $0.devices.count { $0.state == .blocked && $0.key.place.hasPrefix("udp-") } }
  }
  /// A real device is open.
  var isWatchful: Bool { state.withLock { $0.devices.contains { $0.isConnected && $0.origin == .hardware } } }
  var pipelines: [PipelineReference] { state.withLock { $0.devices.map(\.pipeline) } }

  var figures: [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])] {
    state.withLock { $0.devices.map { ($0.id, $0.statistics, $0.description.controls) } }
  }

  func slot(role: DeviceRole) -> Int? { state.withLock { $0.devices.first { $0.role == role }?.slot } }

  var headsetPlaces: [String] {
    state.withLock {
      $0.devices.filter { $0.description.kind == .headset && $0.isConnected }.map(\.key.place)
    }
  }

  func device(_ id: DeviceID) -> KnownDevice? { state.withLock { $0.devices.first { $0.id == id } } }

  func device(serial: String) -> KnownDevice? { state.withLock { $0.devices.first { $0.serial == serial } } }

  /// The device that an interface belongs to: by serial number, which is the unit itself, else by where it is
  /// plugged in.
  func find(_ key: DeviceKey, serial: String, origin: Origin) -> DeviceID? {
    state.withLock { state in
      let candidates = state.devices.filter { $0.key.family == key.family && $0.origin == origin }
      if !serial.isEmpty, let unit = candidates.first(where: { $0.serial == serial }) { return unit.id }
      return candidates.first { device in
        device.key == key
          && (serial.isEmpty || device.serial.isEmpty || device.isConnected || device.serial == serial)
      }?.id
    }
  }

  // MARK: changes

  /// Takes a new device in: the next number, the first role that is free, a place in the page.
  ///
  /// - Parameters:
  ///   - wanted: its role in any case.
  ///   - remembered: its role unless another device has it.
  ///   - makePipeline: called with number, role and place.
  /// - Returns: nil when all places are held by connected devices.
  func add(
    _ key: DeviceKey, serial: String, _ description: DeviceDescription, origin: Origin,
    role wanted: DeviceRole?, remembered: DeviceRole? = nil,
    makePipeline: (DeviceID, DeviceRole, Int) -> PipelineReference
  ) -> DeviceID? {
    state.withLock { state in
      guard let slot = Self.freeSlot(&state.devices) else { return nil }
      let id = DeviceID(state.nextID)
      state.nextID += 1
      let taken = Set(state.devices.map(\.role))
      // A role that was given holds unless another device took it meanwhile.
      let given = remembered.flatMap { $0 == .none || $0 == .tracker || !taken.contains($0) ? $0 : nil }
      let role =
        wanted ?? given ?? description.roles.first { !taken.contains($0) }
        ?? (description.kind == .tracker ? .tracker : .none)
      let pipeline = makePipeline(id, role, slot)
      state.devices.append(
        KnownDevice(
          id: id, description: description, key: key, serial: serial, origin: origin, role: role, slot: slot,
          pipeline: pipeline, statistics: pipeline.pipeline.statistics))
      return id
    }
  }

  /// A free place in the page, else that of the device that was lost first, which is forgotten.
  private static func freeSlot(_ devices: inout [KnownDevice]) -> Int? {
    let used = Set(devices.map(\.slot))
    if let free = (0..<PosePage.slotCount).first(where: { !used.contains($0) }) { return free }
    let lost = devices.indices.filter { !devices[$0].isConnected }
    guard let oldest = lost.min(by: { devices[$0].lostAt < devices[$1].lostAt }) else { return nil }
    return devices.remove(at: oldest).slot
  }

  /// Notes a new state, unless it is the old one for the old reason.
  ///
  /// - Returns: the device after a change.
  func enter(_ state: DeviceState, _ reason: String, _ id: DeviceID, now: Int64) -> KnownDevice? {
    change(id) { device in
      guard device.state != state || device.reason != reason || device.stateSince == 0 else { return false }
      (device.state, device.reason, device.stateSince) = (state, reason, now)
      if state == .streaming || state == .initialising { device.lastProgress = now }
      return true
    }
  }

  /// Devices that fell silent or woke up since the last look: open ones whose reports stopped for `limit` ns.
  func silences(now: Int64, limit: Int64) -> [(id: DeviceID, silentFor: Int64, isSilent: Bool)] {
    state.withLock { state in
      var changes: [(DeviceID, Int64, Bool)] = []
      for place in state.devices.indices where state.devices[place].isConnected {
        let device = state.devices[place]
        // What is played pauses as it likes, and a dongle has nothing to say while its peer is off.
        guard device.origin == .hardware,
          !device.parts.values.contains(where: { $0.part.waitsForPeer && !$0.part.isPeer })
        else { continue }
        // A radio that several share goes on when one of them is switched off.
        let isPeer = device.parts.values.contains { $0.part.isPeer }
        if isPeer, device.state == .initialising { continue }
        let reports =
          isPeer
          ? device.statistics.states.load(ordering: .relaxed)
          : device.statistics.reports.load(ordering: .relaxed)
        if reports != device.reportsSeen {
          state.devices[place].reportsSeen = reports
          state.devices[place].lastProgress = now
          if device.state == .degraded, device.reason.hasPrefix(Self.silent) {
            changes.append((device.id, 0, false))
          }
        } else if device.lastProgress > 0, now - device.lastProgress > limit,
          device.state == .streaming || device.state == .initialising
        {
          changes.append((device.id, now - device.lastProgress, true))
        }
      }
      return changes
    }
  }

  static let silent = "sends nothing"

  /// Notes an opened interface.
  ///
  /// - Returns: the device when it became connected by this.
  func open(
    _ interface: KnownDevice.OpenInterface, part: Int, of id: DeviceID, key: DeviceKey, opened: OpenedPart
  ) -> KnownDevice? {
    change(id) { device in
      device.parts[part] = interface
      device.key = key
      if device.serial.isEmpty { device.serial = opened.configuredSerial ?? "" }
      guard device.description.isPrimary(part) else { return false }
      device.calibration = opened.calibration.source
      defer { device.isConnected = true }
      return !device.isConnected
    }
  }

  /// Notes that an interface has ended.
  ///
  /// - Returns: the node that was open, and the device when it was lost by this.
  func close(part: Int, of id: DeviceID, now: Int64) -> (node: NodeKey?, lost: KnownDevice?) {
    var node: NodeKey?
    let lost = change(id) { device in
      node = device.parts.removeValue(forKey: part)?.node
      guard device.isConnected, !device.isOpen else { return false }
      device.isConnected = false
      device.lostAt = now
      return true
    }
    return (node, lost)
  }

  /// Gives a role; a device that had it takes the other's.
  ///
  /// - Returns: the devices whose role changed.
  func assign(_ role: DeviceRole, to id: DeviceID) -> [KnownDevice] {
    state.withLock { state in
      guard let place = state.devices.firstIndex(where: { $0.id == id }), state.devices[place].role != role
      else { return [] }
      var changed = [place]
      if role != .none, role != .tracker, let other = state.devices.firstIndex(where: { $0.role == role }) {
        state.devices[other].role = state.devices[place].role
        changed.append(other)
      }
      state.devices[place].role = role
      return changed.map { state.devices[$0] }
    }
  }

  /// Changes one device.
  ///
  /// - Returns: the device after the change when `body` says that it matters.
  @discardableResult
  func change(_ id: DeviceID, _ body: (inout KnownDevice) -> Bool) -> KnownDevice? {
    state.withLock { state in
      guard let place = state.devices.firstIndex(where: { $0.id == id }), body(&state.devices[place]) else {
        return nil
      }
      return state.devices[place]
    }
  }

  // MARK: keep-alive

  /// The keep-alives that are due, each put off to its next time.
  func dueKeepAlives(
    now: Int64
  ) -> [(device: DeviceID, part: Int, transport: any Transport, report: [UInt8])] {
    state.withLock { state in
      var due: [(DeviceID, Int, any Transport, [UInt8])] = []
      for place in state.devices.indices {
        for (part, interface) in state.devices[place].parts {
          guard let next = interface.nextKeepAlive, next <= now, let keepAlive = interface.part.keepAlive
          else {
            continue
          }
          state.devices[place].parts[part]?.nextKeepAlive = now + Int64(keepAlive.seconds * 1e9)
          due.append((state.devices[place].id, part, interface.transport, keepAlive.report))
        }
      }
      return due
    }
  }

  var nextKeepAlive: Int64? {
    state.withLock { $0.devices.flatMap { $0.parts.values.compactMap(\.nextKeepAlive) }.min() }
  }
}
