import Devices
import Logging
import Sensing
import Tracking

/// Finds the device of an interface in the registry, or adds a new one with its role and pipeline.
///
/// Belongs to the device manager's thread.
final class DeviceAdmission {
  private let registry: DeviceRegistry
  private let roles: RoleStore
  private let pipelines: DevicePipelineFactory
  /// Roles by serial number, from the configuration; they override remembered ones.
  var configuredRoles: [String: DeviceRole]

  init(
    registry: DeviceRegistry, roles: RoleStore, pipelines: DevicePipelineFactory,
    configuredRoles: [String: DeviceRole]
  ) {
    self.registry = registry
    self.roles = roles
    self.pipelines = pipelines
    self.configuredRoles = configuredRoles
  }

  /// Returns the device that the interface belongs to; nil for one that is not registered.
  ///
  /// - Parameter unit: see `DeviceRegistry.find`.
  func find(_ identity: InterfaceIdentity, _ match: DeviceCatalog.Match, unit: UnitKey?) -> DeviceID? {
    registry.find(
      DeviceKey(identity, match.description), serial: identity.serial, origin: identity.origin,
      part: match.partIndex, unit: unit)
  }

  /// Returns the device that the interface belongs to, added when it is new; nil when the pose page is full.
  ///
  /// - Parameters:
  ///   - unit: claims the part; nil for a unit that is not known.
  ///   - isAccepted: false for a new device that the user has not accepted yet.
  func admit(
    _ identity: InterfaceIdentity, _ match: DeviceCatalog.Match, unit: UnitKey? = nil, isAccepted: Bool = true
  ) -> DeviceID? {
    let device = find(identity, match, unit: unit) ?? add(identity, match, isAccepted: isAccepted)
    if let device, let unit { registry.claim(PartKey(device: device, part: match.partIndex), for: unit) }
    return device
  }

  private func add(
    _ identity: InterfaceIdentity, _ match: DeviceCatalog.Match, isAccepted: Bool
  ) -> DeviceID? {
    let key = DeviceKey(identity, match.description)
    let (serial, origin) = (identity.serial, identity.origin)
    return registry.add(
      key, serial: serial, match.description, origin: origin,
      role: DeviceRegistry.RoleWish(
        // Of two units with one serial number the first has its role.
        required: registry.isTaken(serial: serial, origin: origin) ? nil : configuredRoles[serial],
        remembered: origin == .hardware ? roles.role(key, serial: serial) : nil, isAccepted: isAccepted)
    ) { id, role, slot in
      pipelines.make(
        id, role, slot: slot, partCount: match.description.parts.count,
        tracker: DeviceTracker(
          calibration: InertialCalibration(), sampleRate: match.part.sampleRate, clock: nil, origin: origin))
    }
  }
}
