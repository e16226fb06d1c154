import Diagnostics
import Foundation
import Logging
import Sensing
import TrackingPipeline

/// Assigns roles: in the registry, the pipelines, the pose page and the file that keeps them.
struct DeviceRoles: Sendable {
  let store: RoleStore
  let reporter: DeviceReporter

  /// Assigns a role; a device that had it gets the other's.
  func assign(_ role: DeviceRole, to id: DeviceID) {
    let changed = reporter.registry.assign(role, to: id)
    for device in changed {
      let (reference, role) = (device.pipeline, device.role)
      reporter.loop.post { $0.setRole(role, of: reference.pipeline) }
      reporter.identify(device)
      reporter.changed(device)
    }
    // Recorded and emulated devices get their roles from their descriptions.
    let kept = changed.filter { $0.origin == .hardware }.map {
      (key: $0.key, serial: $0.serial, role: $0.role)
    }
    guard !kept.isEmpty else { return }
    do { try store.set(kept) } catch {
      reporter.log.warning("roles can't be written and are lost at restart: \(error.reason)")
    }
  }
}
