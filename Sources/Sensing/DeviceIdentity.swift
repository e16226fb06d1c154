/// How the kernel reached an interface (HID bus numbers of `linux/input.h`).
public enum Bus: UInt16, Sendable, Hashable, CaseIterable {
  case usb = 0x03
  case bluetooth = 0x05
  case virtual = 0x06
  /// Datagrams; not one of the kernel's numbers.
  case network = 0x100

  /// The name in descriptions and on screen.
  public var name: String {
    switch self {
    case .usb: "usb"
    case .bluetooth: "bluetooth"
    case .virtual: "virtual"
    case .network: "network"
    }
  }
}

/// The source of a device's reports: hardware, a recording, or the emulator. It is shown wherever a device is, so that a
/// user never mistakes one for another.
public enum Origin: UInt8, Sendable, Hashable {
  case hardware = 0
  case recorded = 1
  case emulated = 2

  public init?(name: String) {
    guard let origin = [Origin.hardware, .recorded, .emulated].first(where: { $0.name == name }) else {
      return nil
    }
    self = origin
  }

  public var name: String {
    switch self {
    case .hardware: "hardware"
    case .recorded: "recorded"
    case .emulated: "emulated"
    }
  }
}

/// One interface of one device as the system reports it.
public struct InterfaceIdentity: Hashable, Sendable {
  public var bus: Bus
  public var vendor: UInt16
  public var product: UInt16
  /// Unique per unit where the manufacturer sets it; empty for a device without one.
  public var serial: String
  /// USB interface number; nil where the transport or the recording has none.
  public var interfaceNumber: Int?
  /// HID_PHYS, for example `usb-0000:00:14.0-1.2/input0`: identifies the port, not the unit.
  public var physicalPath: String
  /// HID_NAME: manufacturer and product strings.
  public var name: String
  public var origin: Origin

  public init(
    bus: Bus, vendor: UInt16, product: UInt16, serial: String = "", interfaceNumber: Int? = nil,
    physicalPath: String = "", name: String = "", origin: Origin = .hardware
  ) {
    self.bus = bus
    self.vendor = vendor
    self.product = product
    self.serial = serial
    self.interfaceNumber = interfaceNumber
    self.physicalPath = physicalPath
    self.name = name
    self.origin = origin
  }

  /// `28de:2000`, the notation of lsusb.
  public var vendorProduct: String { hex4(vendor) + ":" + hex4(product) }
}

private func hex4(_ value: UInt16) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 4 - digits.count) + digits
}

/// Identifies one device for the life of the daemon; a device that reconnects keeps its number.
public struct DeviceID: Hashable, Comparable, Sendable {
  public var number: UInt32
  public init(_ number: UInt32) { self.number = number }
  public static func < (left: DeviceID, right: DeviceID) -> Bool { left.number < right.number }
}
