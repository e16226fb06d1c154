import BridgeProtocol
import CLinux
import Sensing
import Synchronization

/// Finds the configured button among the controls of devices.
final class TalkButton: Sendable {
  private struct State {
    /// Numbers of device and control; nil when no device has it.
    var place: (device: UInt32, control: UInt64)?
    var looked: Int64 = 0
    var isHeld = false
  }
  private let role: String
  private let control: String
  private let devices: @Sendable () -> [Vrbridge_V1_Device]
  private let state = Mutex(State())

  /// - Parameter path: `right_hand/input/a/click`.
  init(path: String, devices: @escaping @Sendable () -> [Vrbridge_V1_Device]) {
    let parts = path.split(separator: "/", maxSplits: 1)
    role = parts.first.map(String.init) ?? ""
    control = "/" + (parts.count > 1 ? parts[1] : "")
    self.devices = devices
  }

  /// - Returns: whether it is held, when an event changes that.
  func state(_ event: TrackingEvent) -> Bool? {
    state.withLock { state in
      // Devices come, go and change hands; each look costs a lock of the roster.
      let now = linux_monotonic_ns()
      if now - state.looked > 1_000_000_000 {
        state.looked = now
        state.place = nil
        for device in devices() where device.role.deviceRole.name == role {
          if let index = device.controls.firstIndex(where: { $0.path == control }) {
            state.place = (device.deviceID, UInt64(index))
          }
        }
      }
      guard let place = state.place, place.device == event.device, place.control == event.index else {
        return nil
      }
      let isHeld = event.value > 0.5
      guard isHeld != state.isHeld else { return nil }
      state.isHeld = isHeld
      return isHeld
    }
  }
}
