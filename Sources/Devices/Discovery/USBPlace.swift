import Foundation

/// Where a USB device is plugged in: `usb-CONTROLLER-PORT.PORT`, as HID_PHYS and V4L2 write it.
public enum USBPlace {
  /// Whether two places are the same device, or behind the same hub.
  ///
  /// - Parameter headset: where the headset's HID interface is; a headset that is joined by its hub has the hub's place.
  public static func areTogether(_ other: String, _ headset: String) -> Bool {
    guard other.hasPrefix("usb-") else { return false }
    if other == headset { return true }
    guard let hub = hub(other) else { return false }
    return hub == headset || hub == self.hub(headset)
  }

  /// Only the dots of the last part are hubs.
  private static func hub(_ place: String) -> String? {
    guard let dash = place.lastIndex(of: "-"), let dot = place.lastIndex(of: "."), dot > dash else {
      return nil
    }
    return String(place[..<dot])
  }

  /// - Parameter folder: of the device in sysfs: `…/0000:00:14.0/usb1/1-2/1-2.3`.
  public static func place(ofDeviceFolder folder: String) -> String? {
    let parts = folder.split(separator: "/")
    guard
      let root = parts.firstIndex(where: { $0.hasPrefix("usb") && $0.dropFirst(3).allSatisfy(\.isNumber) }),
      root > 0, let last = parts.last, let dash = last.firstIndex(of: "-"), last.first?.isNumber == true
    else { return nil }
    return "usb-\(parts[root - 1])-\(last[last.index(after: dash)...])"
  }
}
