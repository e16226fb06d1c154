import Compression
import Devices
import Sensing
import Spatial

/// A whole USB device made of emulated interfaces: its descriptors and its answers to control requests
/// (USB 2.0 chapter 9; HID 1.11 section 7).
///
/// Full speed, one configuration; an interface that no part describes is vendor-specific and silent, so that
/// interface numbers are those of the real device.
final class EmulatedUSBDevice {
  /// What an emulated device does wrong, to see what the bridge makes of it.
  enum Fault: String, Sendable, CaseIterable {
    /// Feature requests are refused.
    case stall
    /// Feature requests are never answered; the kernel gives up after five seconds.
    case mute
    /// Feature replies are random bytes.
    case noise
    /// A configuration blob of some kilobytes that inflates to 60 MB.
    case inflate
    /// The report descriptor is cut off.
    case descriptor
    /// Reports are shorter than declared.
    case short
  }

  enum Reply: Equatable {
    case data([UInt8])
    case done
    case stall
    case never
  }

  /// One HID interface. Its interrupt IN endpoint is 1 + its index; OUT the same number.
  struct Interface {
    var number: Int
    var device: EmulatedDevice
    var endpoint: UInt8
  }

  let interfaces: [Interface]
  private let fault: Fault?
  private let deviceDescriptor: [UInt8]
  private let configuration: [UInt8]
  private let strings: [String]
  private let bomb: (any FeatureResponder)?
  /// Interfaces that were taken out of the mode in which they begin.
  private var switched: Set<Int> = []
  private var noise = SeededRandom(seed: 99)

  /// - Parameter parts: emulated interfaces of one vendor and product.
  init(_ parts: [EmulatedDevice], fault: Fault? = nil) {
    self.fault = fault
    let reader = parts.lazy.compactMap { $0.match.part.driver?.configuration }.first
    bomb =
      fault == .inflate
      ? reader.flatMap {
        try? $0.responder(deflateZlib([UInt8](repeating: 0x20, count: 60 << 20)), others: NoFeatures())
      } : nil
    let first = parts.first?.identity
    let (vendor, product) = (first?.vendor ?? 0, first?.product ?? 0)
    deviceDescriptor = [
      18, 1, 0x00, 0x02, 0, 0, 0, 64, UInt8(vendor & 0xff), UInt8(vendor >> 8), UInt8(product & 0xff),
      UInt8(product >> 8), 0x00, 0x01, 1, 2, 3, 1,
    ]
    strings = ["vrbridge", first?.name ?? "", first?.serial ?? ""]
    var interfaces: [Interface] = []
    for device in parts {
      let taken = Set(interfaces.map(\.number))
      let free = (0...parts.count).first { !taken.contains($0) } ?? parts.count
      interfaces.append(
        Interface(
          number: device.identity.interfaceNumber ?? free, device: device,
          endpoint: device.match.part.usb.map { $0.input & 0x0f } ?? UInt8(interfaces.count + 1)))
    }
    self.interfaces = interfaces
    configuration = Self.configuration(interfaces, fault: fault)
  }

  private static func configuration(_ interfaces: [Interface], fault: Fault?) -> [UInt8] {
    let count = (interfaces.map(\.number).max() ?? -1) + 1
    var body: [UInt8] = []
    for number in 0..<count {
      guard let interface = interfaces.first(where: { $0.number == number }) else {
        body += [9, 4, UInt8(number), 0, 0, 0xff, 0, 0, 0]
        continue
      }
      let interval = UInt8(clamping: Int(1000 / max(interface.device.sampleRate, 1)))
      if let usb = interface.device.match.part.usb {
        // Vendor-specific, with the endpoints of the description.
        let kind: UInt8 = usb.transfer == .bulk ? 2 : 3
        body += [9, 4, UInt8(number), 0, usb.output == nil ? 1 : 2, 0xff, 0, 0, 0]
        body += [7, 5, usb.input, kind, 64, 0, max(1, interval)]
        if let output = usb.output { body += [7, 5, output, kind, 64, 0, 4] }
        continue
      }
      let report = Self.reportDescriptor(interface.device, fault)
      body += [9, 4, UInt8(number), 0, 2, 3, 0, 0, 0]
      body += [9, 0x21, 0x11, 0x01, 0, 1, 0x22, UInt8(report.count & 0xff), UInt8(report.count >> 8)]
      body += [7, 5, 0x80 | interface.endpoint, 3, 64, 0, max(1, interval)]
      body += [7, 5, interface.endpoint, 3, 64, 0, 4]
    }
    let total = 9 + body.count
    return [9, 2, UInt8(total & 0xff), UInt8(total >> 8), UInt8(clamping: count), 1, 0, 0xa0, 50] + body
  }

  private static func reportDescriptor(_ device: EmulatedDevice, _ fault: Fault?) -> [UInt8] {
    fault == .descriptor ? Array(device.descriptorBytes.prefix(7)) : device.descriptorBytes
  }

  /// Answers a request to endpoint 0.
  ///
  /// - Parameters:
  ///   - setup: the eight bytes of the set-up packet.
  ///   - data: what the host sent, for requests in that direction.
  func control(setup: [UInt8], data: [UInt8]) -> Reply {
    let value = setup[2]
    let kind = setup[3]
    let interface = interfaces.first { $0.number == Int(setup[4]) }
    let length = Int(setup[6]) | Int(setup[7]) << 8
    switch (setup[0], setup[1]) {
    case (0x80, 6), (0x81, 6):
      guard let bytes = descriptor(kind: kind, index: value, interface) else { return .stall }
      return .data(Array(bytes.prefix(length)))
    case (0x80, 0), (0x81, 0), (0x82, 0): return .data(Array([0, 0].prefix(length)))
    case (0x80, 8): return .data([1])
    // SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE of an endpoint, SET_IDLE, SET_PROTOCOL.
    case (0x00, 9), (0x01, 11), (0x02, 1), (0x21, 10), (0x21, 11): return .done
    case (0xa1, 1) where kind == 3: return getFeature(value, interface, length)
    case (0x21, 9): return setReport(kind: kind, data, interface)
    default: return .stall
    }
  }

  private func descriptor(kind: UInt8, index: UInt8, _ interface: Interface?) -> [UInt8]? {
    switch kind {
    case 1: return deviceDescriptor
    case 2: return configuration
    case 3 where index == 0: return [4, 3, 0x09, 0x04]
    case 3:
      guard Int(index) <= strings.count else { return nil }
      // 126 UTF-16 units are what a string descriptor can hold.
      let units = strings[Int(index) - 1].utf16.prefix(126)
      return [UInt8(2 + 2 * units.count), 3] + units.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
    case 0x22: return interface.map { Self.reportDescriptor($0.device, fault) }
    default: return nil
    }
  }

  private func getFeature(_ id: UInt8, _ interface: Interface?, _ length: Int) -> Reply {
    switch fault {
    case .stall: return .stall
    case .mute: return .never
    case .noise: return .data((0..<length).map { _ in UInt8(truncatingIfNeeded: noise.next()) })
    case .inflate:
      if let reply = bomb?.getFeature(id: id, length: length) { return .data(Array(reply.prefix(length))) }
    case .descriptor, .short, nil: break
    }
    guard let reply: [UInt8] = interface?.device.responder.getFeature(id: id, length: length) else {
      return .stall
    }
    return .data(Array(reply.prefix(length)))
  }

  private func setReport(kind: UInt8, _ data: [UInt8], _ interface: Interface?) -> Reply {
    guard let interface else { return .stall }
    if fault == .mute { return .never }
    if fault == .stall { return .stall }
    if kind == 3 {
      return interface.device.responder.setFeature(data) ? .done : .stall
    }
    interface.device.responder.output(data)
    return .done
  }

  /// A report as the endpoint sends it.
  func sent(_ report: [UInt8], by index: Int) -> [UInt8] {
    if let report = unswitched(index) { return report }
    return fault == .short ? Array(report.prefix(report.count / 2)) : Array(report.prefix(64))
  }

  /// What an interface sends while it is in the mode that a host is to switch.
  private func unswitched(_ index: Int) -> [UInt8]? {
    guard let mode = interfaces[index].device.match.part.modeSwitch, !switched.contains(index) else {
      return nil
    }
    let target = mode.part.flatMap { name in interfaces.first { $0.device.match.part.name == name } }
    if (target ?? interfaces[index]).device.responder.written.contains(mode.report) {
      switched.insert(index)
      return nil
    }
    return [mode.seen] + [UInt8](repeating: 0, count: 63)
  }
}
