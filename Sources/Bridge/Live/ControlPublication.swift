import Assistant
import LiveState
import Sensing
import Spatial
import TrackingPipeline

extension LiveChannels {
  /// Publishes a change of a control; without subscribers the list of devices is not made.
  func publish(_ event: TrackingEvent, devices: () -> [DeviceStatus]) {
    guard controls.hasSubscribers, let device = devices().first(where: { $0.id.number == event.device }),
      let change = ControlEvent(
        of: device, index: Int(event.control), value: Double(event.value),
        time: Timestamp(nanoseconds: event.time))
    else { return }
    controls.publish(change)
  }
}

extension [DeviceStatus] {
  /// The control of the device in a role; nil where no device in the role has it. The last of several devices counts.
  func address(role: String, control: String) -> PushToTalk.Address? {
    for device in reversed() where device.role.name == role {
      guard let index = device.controls.firstIndex(where: { $0.path == control }) else { continue }
      return PushToTalk.Address(device: device.id, index: UInt64(index))
    }
    return nil
  }
}
