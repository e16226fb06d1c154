import CUdev
import Diagnostics
import Sensing

/// Finds nodes and tells of changes, through libudev.
///
/// Used by one thread at a time.
public final class UdevMonitor {
  public enum Change: Sendable {
    case added(DeviceNode)
    case removed(path: String)
  }

  private let udev: OpaquePointer
  private let monitor: OpaquePointer?
  /// Readable when a change waits; −1 when changes can't be watched here (no netlink).
  public let fileDescriptor: Int32

  /// - Returns: nil when libudev can't work at all.
  public init?() {
    guard let udev = udev_new() else { return nil }
    self.udev = udev
    // The group 'udev', not 'kernel': its events come after udevd has applied rules and permissions.
    monitor = udev_monitor_new_from_netlink(udev, "udev")
    if let monitor, udev_monitor_filter_add_match_subsystem_devtype(monitor, "hidraw", nil) >= 0,
      udev_monitor_filter_add_match_subsystem_devtype(monitor, "usb", "usb_device") >= 0,
      udev_monitor_enable_receiving(monitor) >= 0
    {
      fileDescriptor = udev_monitor_get_fd(monitor)
    } else {
      fileDescriptor = -1
    }
  }

  deinit {
    if let monitor { udev_monitor_unref(monitor) }
    udev_unref(udev)
  }

  public func enumerate() -> [DeviceNode] {
    guard let enumeration = udev_enumerate_new(udev) else { return [] }
    defer { udev_enumerate_unref(enumeration) }
    udev_enumerate_add_match_subsystem(enumeration, "hidraw")
    udev_enumerate_add_match_subsystem(enumeration, "usb")
    udev_enumerate_scan_devices(enumeration)
    var nodes: [DeviceNode] = []
    var entry = udev_enumerate_get_list_entry(enumeration)
    while let current = entry {
      if let name = udev_list_entry_get_name(current), let device = udev_device_new_from_syspath(udev, name) {
        if let node = Self.node(device) { nodes.append(node) }
        udev_device_unref(device)
      }
      entry = udev_list_entry_get_next(current)
    }
    return nodes.sorted { ($0.path.count, $0.path) < ($1.path.count, $1.path) }
  }

  /// Takes one change, without waiting; nil when there is none.
  public func nextChange() -> Change? {
    guard let monitor, let device = udev_monitor_receive_device(monitor) else { return nil }
    defer { udev_device_unref(device) }
    switch text(udev_device_get_action(device)) {
    // 'change' is what `udevadm trigger` sends after new rules: a node may have become readable.
    case "add", "bind", "change": return Self.node(device).map(Change.added)
    case "remove":
      let path = text(udev_device_get_devnode(device))
      return path.isEmpty ? nil : .removed(path: path)
    default: return nil
    }
  }

  private static func node(_ device: OpaquePointer) -> DeviceNode? {
    let path = text(udev_device_get_devnode(device))
    if text(udev_device_get_subsystem(device)) == "usb" { return usbNode(device, path: path) }
    guard !path.isEmpty, let hid = udev_device_get_parent_with_subsystem_devtype(device, "hid", nil) else {
      return nil
    }
    // HID_ID is bus:vendor:product in hexadecimal, 4:8:8 digits.
    let numbers = text(udev_device_get_property_value(hid, "HID_ID")).split(separator: ":").map {
      UInt32($0, radix: 16)
    }
    guard numbers.count == 3, let bus = numbers[0], let vendor = numbers[1], let product = numbers[2] else {
      return nil
    }
    var identity = InterfaceIdentity(
      bus: Bus(rawValue: UInt16(truncatingIfNeeded: bus)) ?? .virtual,
      vendor: UInt16(truncatingIfNeeded: vendor), product: UInt16(truncatingIfNeeded: product),
      serial: printable(text(udev_device_get_property_value(hid, "HID_UNIQ"))),
      physicalPath: text(udev_device_get_property_value(hid, "HID_PHYS")),
      name: printable(text(udev_device_get_property_value(hid, "HID_NAME"))))
    var usbDriver = ""
    if let interface = udev_device_get_parent_with_subsystem_devtype(device, "usb", "usb_interface") {
      identity.interfaceNumber = Int(
        text(udev_device_get_sysattr_value(interface, "bInterfaceNumber")), radix: 16)
      usbDriver = text(udev_device_get_driver(interface))
    }
    if identity.serial.isEmpty,
      let usb = udev_device_get_parent_with_subsystem_devtype(device, "usb", "usb_device")
    {
      identity.serial = printable(text(udev_device_get_sysattr_value(usb, "serial")))
    }
    return DeviceNode(
      path: path, sysPath: text(udev_device_get_syspath(device)), identity: identity,
      driver: text(udev_device_get_driver(hid)), tags: tags(device), usbDriver: usbDriver)
  }

  private static func tags(_ device: OpaquePointer) -> [String] {
    var tags: [String] = []
    var entry = udev_device_get_tags_list_entry(device)
    while let current = entry {
      tags.append(text(udev_list_entry_get_name(current)))
      entry = udev_list_entry_get_next(current)
    }
    return tags
  }

  /// A whole USB device; its interfaces have no nodes of their own.
  private static func usbNode(_ device: OpaquePointer, path: String) -> DeviceNode? {
    func attribute(_ name: String) -> String { printable(text(udev_device_get_sysattr_value(device, name))) }
    guard !path.isEmpty, text(udev_device_get_devtype(device)) == "usb_device",
      let vendor = UInt16(attribute("idVendor"), radix: 16),
      let product = UInt16(attribute("idProduct"), radix: 16)
    else { return nil }
    // As HID_PHYS has it: the controller, then the ports.
    let sysPath = text(udev_device_get_syspath(device))
    let folders = sysPath.split(separator: "/")
    let root = folders.lastIndex { $0.hasPrefix("usb") && $0.dropFirst(3).allSatisfy(\.isNumber) }
    let controller = root.flatMap { $0 > 0 ? folders[$0 - 1] : nil } ?? ""
    let identity = InterfaceIdentity(
      bus: .usb, vendor: vendor, product: product, serial: attribute("serial"),
      physicalPath: "usb-\(controller)-\(attribute("devpath"))/usb",
      name: "\(attribute("manufacturer")) \(attribute("product"))")
    return DeviceNode(
      access: .usb, path: path, sysPath: sysPath, identity: identity,
      driver: text(udev_device_get_driver(device)), tags: tags(device), usbDriver: "")
  }
}

private func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
