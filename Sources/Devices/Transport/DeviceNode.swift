import Glibc
import Sensing

/// A node that a device is read through, as udev knows it: `/dev/hidrawN`, or `/dev/bus/usb/BBB/DDD` for a device
/// without a HID driver.
public struct DeviceNode: Sendable, Hashable {
  public enum Access: Sendable { case hidraw, usb }
  public var access = Access.hidraw
  public var path: String
  public var sysPath: String
  public var identity: InterfaceIdentity
  /// Kernel driver of the HID device, for example `hid-generic` or `playstation`.
  public var driver: String
  /// udev tags: `uaccess` lets the user at the seat in.
  public var tags: [String]
  /// The driver of the USB interface above it, for example `usbhid`.
  public var usbDriver: String

  /// The report descriptor as the kernel shows it in sysfs: readable without permission for the node.
  public var reportDescriptor: HIDReportDescriptor? {
    guard access == .hidraw, let file = fopen(sysPath + "/device/report_descriptor", "r") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    return count > 0 ? try? HIDReportDescriptor(Array(bytes.prefix(count))) : nil
  }
}
