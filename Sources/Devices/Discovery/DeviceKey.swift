import Sensing

/// Identifies a device by family and port: interfaces with the same key belong to one device.
package struct DeviceKey: Hashable, Sendable {
  package var family: String
  /// The USB port or hub; where the transport has none, the serial number.
  package var port: String

  package init(_ identity: InterfaceIdentity, _ description: DeviceDescription) {
    family = description.family
    // `usb-0000:00:14.0-1.2.3/input0`: the part before the slash is the device's port, its last number the
    // port on the hub.
    let path =
      identity.physicalPath.split(separator: "/", omittingEmptySubsequences: false).first.map(String.init)
      ?? ""
    switch description.join {
    case .device:
      // Interfaces of one device share port and serial; where the transport gives no port, the serial decides.
      port = path.isEmpty || identity.bus != .usb ? path + "#" + identity.serial : path
    case .hub:
      guard let dot = path.lastIndex(where: { $0 == "." || $0 == "-" }) else {
        port = path
        return
      }
      port = String(path[..<dot])
    }
  }
}
