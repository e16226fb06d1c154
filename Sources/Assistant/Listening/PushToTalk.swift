import CLinux
import Sensing
import Synchronization

/// Follows the configured push-to-talk button among the controls of all devices.
package final class PushToTalk: Sendable {
  /// A control of a device: the index counts the controls of the device's description.
  package struct Address: Sendable, Equatable {
    package var device: DeviceID
    package var index: UInt64

    package init(device: DeviceID, index: UInt64) {
      self.device = device
      self.index = index
    }
  }

  private struct State {
    /// nil while no device has the button.
    var address: Address?
    /// When `find` was last called, CLOCK_MONOTONIC in nanoseconds.
    var found: Int64 = 0
    var isHeld = false
  }
  private let role: String
  private let control: String
  private let find: @Sendable (_ role: String, _ control: String) -> Address?
  private let state = Mutex(State())

  /// - Parameters:
  ///   - path: role and control, such as `right_hand/input/a/click`.
  ///   - find: returns the control of the device in a role, where one is connected.
  package init(
    path: String, find: @escaping @Sendable (_ role: String, _ control: String) -> Address?
  ) {
    let parts = path.split(separator: "/", maxSplits: 1)
    role = parts.first.map(String.init) ?? ""
    control = "/" + (parts.count > 1 ? parts[1] : "")
    self.find = find
  }

  /// Takes a control's new value.
  ///
  /// - Returns: whether the button is held, when this changed it; nil otherwise.
  package func take(_ address: Address, value: Float) -> Bool? {
    state.withLock { state in
      // Devices come, go and change roles; each search locks the device registry, so it is made once a second.
      let now = linux_monotonic_ns()
      if now - state.found > 1_000_000_000 {
        state.found = now
        state.address = find(role, control)
      }
      guard state.address == address else { return nil }
      let isHeld = value > 0.5
      guard isHeld != state.isHeld else { return nil }
      state.isHeld = isHeld
      return isHeld
    }
  }
}
