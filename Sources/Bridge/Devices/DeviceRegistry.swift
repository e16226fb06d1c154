import BridgeProtocol
import Devices
import Sensing
import Spatial
import Synchronization
import TrackingPipeline

/// Every device that is connected or was: id, role, slot in the pose page, state and open interfaces.
///
/// Holds and decides; opens and closes nothing. Synchronised: any thread may use it.
final class DeviceRegistry: Sendable {
  private struct State {
    var devices: [DeviceRecord] = []
    var nextID: UInt32 = 1
  }
  private let state = Mutex(State())

  // MARK: reading

  var statuses: [DeviceStatus] { state.withLock { $0.devices.map(\.status) } }
  var hasHeadset: Bool { state.withLock { $0.devices.contains { $0.description.kind == .headset } } }
  /// Whether hardware is connected, which may fall silent.
  var isWatchful: Bool { state.withLock { $0.devices.contains { $0.isConnected && $0.origin == .hardware } } }
  var pipelines: [PipelineReference] { state.withLock { $0.devices.map(\.pipeline) } }

  /// Counters of every device, with its controls.
  var metrics: [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])] {
    state.withLock { $0.devices.map { ($0.id, $0.statistics, $0.description.controls) } }
  }

  func slot(role: DeviceRole) -> Int? { state.withLock { $0.devices.first { $0.role == role }?.slot } }

  /// Ports of connected headsets.
  var headsetPorts: [String] {
    state.withLock {
      $0.devices.filter { $0.description.kind == .headset && $0.isConnected }.map(\.key.port)
    }
  }

  func device(_ id: DeviceID) -> DeviceRecord? { state.withLock { $0.devices.first { $0.id == id } } }

  func device(serial: String) -> DeviceRecord? { state.withLock { $0.devices.first { $0.serial == serial } } }

  /// Returns the accepted sensors of a network tracker. The first has the tracker's address as its serial number, the
  /// others the address, a slash and their own number; further trackers of one address have `#` and a number behind it.
  func sensors(of address: String, family: String) -> [DeviceRecord] {
    state.withLock { state in
      state.devices.filter {
        $0.isAccepted && $0.key.family == family
          && ($0.serial == address || $0.serial.hasPrefix(address + "/")
            || $0.serial.hasPrefix(address + "#"))
      }
    }
  }

  /// Returns the device that an interface belongs to: by serial number, if it identifies a unit, else by port.
  ///
  /// - Parameters:
  ///   - part: of the interface.
  ///   - unit: a device whose part another unit has claimed is another device, whatever its serial number; nil for an
  ///     interface of unknown unit.
  func find(
    _ key: DeviceKey, serial: String, origin: Origin, part: Int? = nil, unit: UnitKey? = nil
  ) -> DeviceID? {
    state.withLock { state in
      let candidates = state.devices.filter { device in
        guard device.key.family == key.family, device.origin == origin else { return false }
        guard let part, let unit, let claim = device.units[part] else { return true }
        return claim == unit
      }
      if isIdentifying(serial) {
        let same = candidates.filter { $0.serial == serial }
        if let device = same.first(where: { $0.key == key }) ?? same.first { return device.id }
      }
      return candidates.first { device in
        device.key == key
          && (!isIdentifying(serial) || !isIdentifying(device.serial) || device.isConnected
            || device.serial == serial)
      }?.id
    }
  }

  /// Whether a device of this origin has the serial number.
  func isTaken(serial: String, origin: Origin) -> Bool {
    state.withLock { state in state.devices.contains { $0.serial == serial && $0.origin == origin } }
  }

  /// Claims a part of a device for a unit.
  func claim(_ part: PartKey, for unit: UnitKey) {
    change(part.device) { device in
      device.units[part.part] = unit
      return false
    }
  }

  /// Ends the claim to a part.
  func release(_ part: PartKey) {
    change(part.device) { device in
      device.units[part.part] = nil
      return false
    }
  }

  /// Ends the claims of a unit that are not those of open interfaces.
  func release(_ id: DeviceID, by unit: UnitKey) {
    change(id) { device in
      device.units = device.units.filter { $0.value != unit || device.parts[$0.key] != nil }
      return false
    }
  }

  // MARK: changes

  /// Which role a new device should get; without a wish, the first free role of its description.
  struct RoleWish {
    /// Its role in any case.
    var required: DeviceRole?
    /// Its role unless another device has it.
    var remembered: DeviceRole?
    /// A device that waits to be accepted has no role, and displaces no other from the pose page.
    var isAccepted = true
  }

  /// Adds a device: the next id, a role, a slot in the pose page.
  ///
  /// - Parameter makePipeline: called with id, role and slot.
  /// - Returns: nil when connected devices hold all slots.
  func add(
    _ key: DeviceKey, serial: String, _ description: DeviceDescription, origin: Origin, role wish: RoleWish,
    makePipeline: (DeviceID, DeviceRole, Int) -> PipelineReference
  ) -> DeviceID? {
    state.withLock { state in
      guard let slot = Self.freeSlot(&state.devices, isAccepted: wish.isAccepted) else { return nil }
      let id = DeviceID(state.nextID)
      state.nextID += 1
      let taken = Set(state.devices.map(\.role))
      let remembered = wish.remembered.flatMap {
        $0 == .none || $0 == .tracker || !taken.contains($0) ? $0 : nil
      }
      let role =
        !wish.isAccepted
        ? .none
        : wish.required ?? remembered ?? description.roles.first { !taken.contains($0) }
          ?? (description.kind == .tracker ? .tracker : .none)
      let pipeline = makePipeline(id, role, slot)
      state.devices.append(
        DeviceRecord(
          id: id, description: description, key: key, serial: serial, origin: origin,
          isAccepted: wish.isAccepted, role: role, slot: slot, pipeline: pipeline,
          statistics: pipeline.pipeline.statistics))
      return id
    }
  }

  /// Returns a free slot, else that of a device that waits to be accepted, else that of the device that was lost
  /// first; the device is removed. A device that is not accepted gets a free slot or none.
  private static func freeSlot(_ devices: inout [DeviceRecord], isAccepted: Bool) -> Int? {
    let used = Set(devices.map(\.slot))
    if let free = (0..<PosePage.slotCount).first(where: { !used.contains($0) }) { return free }
    guard isAccepted else { return nil }
    if let waiting = devices.firstIndex(where: { !$0.isAccepted }) { return devices.remove(at: waiting).slot }
    let lost = devices.indices.filter { !devices[$0].isConnected }
    guard let oldest = lost.min(by: { devices[$0].lostAt < devices[$1].lostAt }) else { return nil }
    return devices.remove(at: oldest).slot
  }

  /// Removes a device with its role and its slot.
  ///
  /// - Returns: the device.
  @discardableResult
  func remove(_ id: DeviceID) -> DeviceRecord? {
    state.withLock { state in
      state.devices.firstIndex { $0.id == id }.map { state.devices.remove(at: $0) }
    }
  }

  /// Sets or ends a limitation of a device.
  ///
  /// - Parameter text: for display; nil ends it.
  /// - Returns: the device after a change.
  func limit(_ limitation: DeviceLimitation, _ text: String?, _ id: DeviceID) -> DeviceRecord? {
    change(id) { device in
      guard device.limitations[limitation] != text else { return false }
      device.limitations[limitation] = text
      return true
    }
  }

  /// Enters a state, unless the device is in it for the same reason. A device with limitations that streams is degraded,
  /// with the limitations as reason.
  ///
  /// - Returns: the device after a change.
  func enter(_ entered: DeviceState, _ given: String, _ id: DeviceID, now: Int64) -> DeviceRecord? {
    change(id) { device in
      let isLimited = entered == .streaming && given.isEmpty && !device.limitations.isEmpty
      let (state, reason) = isLimited ? (DeviceState.degraded, device.limitation) : (entered, given)
      guard device.state != state || device.reason != reason || device.stateSince == 0 else { return false }
      (device.state, device.reason, device.stateSince) = (state, reason, now)
      if isLimited || state == .streaming || state == .initialising { device.lastProgress = now }
      return true
    }
  }

  /// Returns connected hardware that fell silent since the last call (no report for `limit` ns) or sends again.
  func silences(now: Int64, limit: Int64) -> [(id: DeviceID, silentFor: Int64, isSilent: Bool)] {
    state.withLock { state in
      var changes: [(DeviceID, Int64, Bool)] = []
      for index in state.devices.indices where state.devices[index].isConnected {
        let device = state.devices[index]
        // Recordings may pause, a dongle sends nothing while its peer is off, and a network tracker at rest sends only
        // signs of life, whose absence its server notices.
        guard device.origin == .hardware, !device.isNetworkTracker,
          !device.parts.values.contains(where: { $0.part.waitsForPeer && !$0.part.isPeer })
        else { continue }
        // A radio shared by several devices keeps sending when one of them is switched off.
        let isPeer = device.parts.values.contains { $0.part.isPeer }
        if isPeer, device.state == .initialising { continue }
        let reports =
          isPeer
          ? device.statistics.states.load(ordering: .relaxed)
          : device.statistics.reports.load(ordering: .relaxed)
        if reports != device.reportsSeen {
          state.devices[index].reportsSeen = reports
          state.devices[index].lastProgress = now
          if device.state == .degraded, device.reason.hasPrefix(Self.silent) {
            changes.append((device.id, 0, false))
          }
        } else if device.lastProgress > 0, now - device.lastProgress > limit,
          device.state == .streaming || device.state == .initialising || device.isLimited
        {
          changes.append((device.id, now - device.lastProgress, true))
        }
      }
      return changes
    }
  }

  static let silent = "sends nothing"

  /// Adds an open interface.
  ///
  /// - Returns: the device when this connected it.
  func open(
    _ interface: DeviceRecord.OpenInterface, at part: PartKey, key: DeviceKey,
    _ configured: DeviceRecord.Configured
  ) -> DeviceRecord? {
    change(part.device) { device in
      device.parts[part.part] = interface
      device.key = key
      if device.serial.isEmpty { device.serial = configured.serial ?? "" }
      guard device.description.isPrimary(part.part) else { return false }
      device.calibration = configured.calibration
      defer { device.isConnected = true }
      return !device.isConnected
    }
  }

  /// Removes an interface that has ended.
  ///
  /// - Returns: its node, and the device when this disconnected it.
  func close(_ part: PartKey, now: Int64) -> (node: NodeKey?, lost: DeviceRecord?) {
    var node: NodeKey?
    let lost = change(part.device) { device in
      node = device.parts.removeValue(forKey: part.part)?.node
      device.units[part.part] = nil
      guard device.isConnected, !device.isOpen else { return false }
      device.isConnected = false
      device.limitations = [:]
      device.lostAt = now
      return true
    }
    return (node, lost)
  }

  /// Assigns a role; a device that had it gets the other's. A device that waits to be accepted gets none.
  ///
  /// - Returns: the devices whose role changed.
  func assign(_ role: DeviceRole, to id: DeviceID) -> [DeviceRecord] {
    state.withLock { state in
      guard let index = state.devices.firstIndex(where: { $0.id == id }), state.devices[index].role != role,
        state.devices[index].isAccepted
      else { return [] }
      var changed = [index]
      if role != .none, role != .tracker, let other = state.devices.firstIndex(where: { $0.role == role }) {
        state.devices[other].role = state.devices[index].role
        changed.append(other)
      }
      state.devices[index].role = role
      return changed.map { state.devices[$0] }
    }
  }

  /// Changes one device.
  ///
  /// - Returns: the device after the change when `body` returns true.
  @discardableResult
  func change(_ id: DeviceID, _ body: (inout DeviceRecord) -> Bool) -> DeviceRecord? {
    state.withLock { state in
      guard let index = state.devices.firstIndex(where: { $0.id == id }), body(&state.devices[index]) else {
        return nil
      }
      return state.devices[index]
    }
  }
}
