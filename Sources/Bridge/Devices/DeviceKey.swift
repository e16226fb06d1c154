import Devices
import Sensing

/// Which interfaces belong to one device: those with the same key.
struct DeviceKey: Hashable, Sendable {
  var family: String
  var place: String

  init(_ identity: InterfaceIdentity, _ description: DeviceDescription) {
    family = description.family
    // `usb-0000:00:14.0-1.2.3/input0`: the part before the slash is the device's port, its last number the
    // port on the hub.
    let port =
      identity.physicalPath.split(separator: "/", omittingEmptySubsequences: false).first.map(String.init)
      ?? ""
    switch description.join {
    case .device:
      // Interfaces of one device share port and serial; where the transport gives no port, the serial decides.
      place = port.isEmpty || identity.bus != .usb ? port + "#" + identity.serial : port
    case .hub:
      guard let dot = port.lastIndex(where: { $0 == "." || $0 == "-" }) else {
        place = port
        return
      }
      place = String(port[..<dot])
    }
  }
}
