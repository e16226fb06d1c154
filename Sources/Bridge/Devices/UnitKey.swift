import Devices
import Sensing

/// Distinguishes units that are connected at the same time: two may have one serial number, or one port.
struct UnitKey: Hashable, Sendable {
  /// The physical device in sysfs, or the number of a recording or emulator.
  private let text: String

  init(_ text: String) { self.text = text }

  /// The unit of a node: its interfaces share the USB device, or for other buses the HID device.
  init(_ node: DeviceNode) {
    var folders = node.sysPath.split(separator: "/").map(String.init)
    if node.access == .hidraw {
      // …/1-2/1-2:1.3/0003:054C:09CC.0001/hidraw/hidraw0
      folders.removeLast(min(2, folders.count))
      if let interface = folders.lastIndex(where: { $0.contains("-") && $0.contains(":") && $0.contains(".") }
      ),
        interface == folders.count - 2
      {
        folders.removeLast(2)
      }
    }
    text = folders.isEmpty ? node.path : folders.joined(separator: "/")
  }
}

/// Whether a serial number identifies a unit. Clones have zeros, or none.
func isIdentifying(_ serial: String) -> Bool {
  let digits = serial.filter { $0 != ":" && $0 != "-" && $0 != "." && $0 != " " }
  return !digits.allSatisfy { $0 == "0" } && !digits.allSatisfy { $0 == "f" || $0 == "F" }
}
