import Foundation

/// Names of USB ports: `usb-CONTROLLER-PORT.PORT`, as HID_PHYS and V4L2 write them.
public enum USBPort {
  /// Whether two ports belong to one device, or to devices behind the same hub.
  ///
  /// - Parameter headset: the port of the headset's HID interface; for a headset with a hub inside, the hub's port.
  public static func areTogether(_ other: String, _ headset: String) -> Bool {
    guard other.hasPrefix("usb-") else { return false }
    if other == headset { return true }
    guard let hub = hub(other) else { return false }
    return hub == headset || hub == self.hub(headset)
  }

  /// Only the dots of the last part are hubs.
  private static func hub(_ port: String) -> String? {
    guard let dash = port.lastIndex(of: "-"), let dot = port.lastIndex(of: "."), dot > dash else {
      return nil
    }
    return String(port[..<dot])
  }

  /// Returns the name of the port of a device; nil for a folder that is no USB device's.
  ///
  /// - Parameter folder: of the device in sysfs: `…/0000:00:14.0/usb1/1-2/1-2.3`.
  public static func name(ofDeviceFolder folder: String) -> String? {
    let parts = folder.split(separator: "/")
    guard
      let root = parts.firstIndex(where: { $0.hasPrefix("usb") && $0.dropFirst(3).allSatisfy(\.isNumber) }),
      root > 0, let last = parts.last, let dash = last.firstIndex(of: "-"), last.first?.isNumber == true
    else { return nil }
    return "usb-\(parts[root - 1])-\(last[last.index(after: dash)...])"
  }
}
