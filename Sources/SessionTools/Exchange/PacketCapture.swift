import Compression
import Devices
import Foundation
import Sensing
import Spatial

/// Reads captures of USB traffic (of usbmon on Linux and of USBPcap on Windows; pcapng or pcap, plain or gzip) as
/// recordings: reports of interrupt endpoints, and descriptors and feature reports of the control endpoint.
///
/// Formats: LINKTYPE_USB_LINUX (189), LINKTYPE_USB_LINUX_MMAPPED (220) and LINKTYPE_USBPCAP (249) of tcpdump.org. The
/// first two have the byte order of the capturing machine, which is that of their section.
public struct PacketCapture {
  /// One transfer.
  private struct Transfer {
    /// ns.
    var time: Int64
    var bus: UInt16
    var device: UInt8
    var endpoint: UInt8
    /// 1 interrupt, 2 control.
    var kind: UInt8
    var isSubmission: Bool
    var number: UInt64
    var setup: [UInt8]
    var data: ArraySlice<UInt8>
  }

  private struct Device {
    var vendor: UInt16 = 0
    var product: UInt16 = 0
    var strings: [UInt8: String] = [:]
    var nameIndex: UInt8 = 0
    var serialIndex: UInt8 = 0
    /// Interface of each endpoint address.
    var endpoints: [UInt8: UInt8] = [:]
    var descriptors: [UInt8: [UInt8]] = [:]
    var features: [UInt8: [FeatureExchange]] = [:]
    /// Interface of the control transfer whose reply is pending.
    var pending: [UInt64: [UInt8]] = [:]
  }

  /// Larger files are rejected; bytes.
  static let largest = 1 << 30

  /// - Returns: one recording for each device that sent reports. A device whose descriptors the capture lacks has vendor
  ///   and product 0, and no interface numbers.
  public static func read(path: String) throws -> [HIDRecording] {
    try parse(inflate(path), file: path)
  }

  private static func inflate(_ path: String) throws -> [UInt8] {
    do throws(CompressionError) {
      let reader = try GzipReader(path: path, largest: largest)
      var bytes: [UInt8] = []
      while let piece = try reader.next() { bytes += piece }
      return bytes
    } catch {
      throw PacketCaptureError(
        error.isTooLarge ? .tooLarge : .unreadable,
        "\(path) can't be read: \(error)" + (error.isTooLarge ? "; split it with editcap" : ""))
    }
  }

  public static func parse(_ bytes: [UInt8], file: String) throws -> [HIDRecording] {
    var transfers: [Transfer] = []
    try CaptureFile.forEachPacket(bytes, file) { packet in
      switch packet.linkType {
      case 220, 189: if let transfer = usbmon(packet) { transfers.append(transfer) }
      case 249: if let transfer = usbpcap(packet.bytes, packet.time) { transfers.append(transfer) }
      default: break
      }
    }
    guard !transfers.isEmpty else {
      throw PacketCaptureError(
        .empty,
        "\(file) holds no USB transfers; captures of usbmon (link type 220) and USBPcap (249) are read")
    }
    return recordings(transfers, file)
  }

  // MARK: packets

  private static func little(_ bytes: ArraySlice<UInt8>, _ offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[bytes.startIndex + offset + $1]) }
  }

  private static func usbmon(_ packet: CaptureFile.Packet) -> Transfer? {
    let header = packet.linkType == 220 ? 64 : 48
    let bytes = packet.bytes
    guard bytes.count >= header else { return nil }
    func number(_ offset: Int, _ count: Int) -> UInt64 {
      let value = little(bytes, offset, count)
      return packet.isBigEndian ? value.byteSwapped >> UInt64(64 - 8 * count) : value
    }
    let event = bytes[bytes.startIndex + 8]
    let kind = bytes[bytes.startIndex + 9]
    let hasSetup = bytes[bytes.startIndex + 14] == 0
    return Transfer(
      time: packet.time, bus: UInt16(number(12, 2)), device: bytes[bytes.startIndex + 11],
      endpoint: bytes[bytes.startIndex + 10], kind: kind == 1 ? 1 : kind == 2 ? 2 : 0,
      isSubmission: event == UInt8(ascii: "S"), number: number(0, 8),
      setup: hasSetup ? Array(bytes[(bytes.startIndex + 40)..<(bytes.startIndex + 48)]) : [],
      data: bytes[(bytes.startIndex + header)...])
  }

  private static func usbpcap(_ packet: ArraySlice<UInt8>, _ time: Int64) -> Transfer? {
    guard packet.count >= 27 else { return nil }
    let header = Int(little(packet, 0, 2))
    guard header >= 27, header <= packet.count else { return nil }
    let kind = packet[packet.startIndex + 22]
    let isFromDevice = packet[packet.startIndex + 16] & 1 == 1
    var data = packet[(packet.startIndex + header)...]
    var setup: [UInt8] = []
    if kind == 2, !isFromDevice, data.count >= 8 {
      setup = Array(data.prefix(8))
      data = data.dropFirst(8)
    }
    return Transfer(
      time: time, bus: UInt16(little(packet, 17, 2)),
      device: UInt8(truncatingIfNeeded: little(packet, 19, 2)),
      endpoint: packet[packet.startIndex + 21], kind: kind == 1 ? 1 : kind == 2 ? 2 : 0,
      isSubmission: !isFromDevice, number: little(packet, 2, 8), setup: setup, data: data)
  }

  // MARK: devices

  /// The physical path of a captured device begins so; bus and device number follow.
  static let portPrefix = "usb-capture-"

  private static func recordings(_ transfers: [Transfer], _ file: String) -> [HIDRecording] {
    var devices: [UInt32: Device] = [:]
    for transfer in transfers where transfer.kind == 2 {
      learn(transfer, &devices[UInt32(transfer.bus) << 8 | UInt32(transfer.device), default: Device()])
    }
    let start = transfers.first?.time ?? 0
    let reports = Dictionary(
      grouping: transfers.filter {
        $0.kind == 1 && !$0.data.isEmpty && $0.endpoint & 0x80 != 0 && !$0.isSubmission
      }, by: { UInt32($0.bus) << 8 | UInt32($0.device) })
    var recordings: [HIDRecording] = []
    // A capture that began after plugging in holds no control transfers of a device.
    for key in reports.keys where devices[key] == nil { devices[key] = Device() }
    for (key, device) in devices.sorted(by: { $0.key < $1.key }) {
      var recording = HIDRecording(file: file)
      var indices: [UInt8: Int] = [:]
      for transfer in reports[key] ?? [] {
        let number = device.endpoints[transfer.endpoint] ?? (transfer.endpoint & 0x0f) &- 1
        if indices[number] == nil {
          guard recording.interfaces.count < 16 else { continue }
          indices[number] = recording.interfaces.count
          recording.interfaces.append(interface(number, device, key))
        }
        guard transfer.data.count <= 4096, let index = indices[number] else { continue }
        let from = recording.bytes.count
        recording.bytes += transfer.data
        recording.append(
          interface: index, offset: transfer.time &- start, range: from..<recording.bytes.count)
      }
      if !recording.events.isEmpty { recordings.append(recording) }
    }
    return recordings
  }

  private static func interface(_ number: UInt8, _ device: Device, _ key: UInt32) -> HIDRecording.Interface {
    var identity = InterfaceIdentity(
      bus: .usb, vendor: device.vendor, product: device.product, origin: .recorded)
    identity.name = device.strings[device.nameIndex] ?? ""
    identity.serial = device.strings[device.serialIndex] ?? ""
    if !device.endpoints.isEmpty { identity.interfaceNumber = Int(number) }
    identity.physicalPath = "\(portPrefix)\(key >> 8)-\(key & 0xff)/input\(number)"
    return HIDRecording.Interface(
      identity: identity, descriptor: device.descriptors[number].flatMap { try? HIDReportDescriptor($0) },
      features: device.features[number] ?? [])
  }

  /// Reads descriptors and feature reports from a control transfer (USB 2.0, chapter 9; HID 1.11, chapter 7).
  private static func learn(_ transfer: Transfer, _ device: inout Device) {
    if transfer.setup.count == 8 {
      device.pending[transfer.number] = transfer.setup
      let (type, request, value) = (transfer.setup[0], transfer.setup[1], transfer.setup[3])
      // SET_REPORT of a feature.
      if type == 0x21, request == 0x09, value == 3, !transfer.data.isEmpty {
        device.features[transfer.setup[4], default: []].append(
          FeatureExchange(direction: .set, report: Array(transfer.data)))
      }
      if transfer.isSubmission { return }
    }
    guard let setup = device.pending.removeValue(forKey: transfer.number), !transfer.data.isEmpty else {
      return
    }
    let data = Array(transfer.data)
    switch (setup[0], setup[1], setup[3]) {
    case (0x80, 0x06, 1) where data.count >= 18:
      device.vendor = UInt16(data[8]) | UInt16(data[9]) << 8
      device.product = UInt16(data[10]) | UInt16(data[11]) << 8
      (device.nameIndex, device.serialIndex) = (data[15], data[16])
    case (0x80, 0x06, 2): readEndpoints(data, &device)
    case (0x80, 0x06, 3) where setup[2] != 0 && data.count >= 2:
      let units = stride(from: 2, to: data.count - 1, by: 2).map {
        UInt16(data[$0]) | UInt16(data[$0 + 1]) << 8
      }
      device.strings[setup[2]] = String(decoding: units, as: UTF16.self)
    case (0x81, 0x06, 0x22): if data.count <= 4096 { device.descriptors[setup[4]] = data }
    case (0xa1, 0x01, 3):
      // An unnumbered report has no id byte.
      let report = setup[2] == 0 ? [0] + data : data
      device.features[setup[4], default: []].append(
        FeatureExchange(direction: .get, report: report))
    default: break
    }
  }

  private static func readEndpoints(_ data: [UInt8], _ device: inout Device) {
    var offset = 0
    var interface: UInt8 = 0
    while offset + 2 <= data.count, data[offset] >= 2, offset + Int(data[offset]) <= data.count {
      let (length, type) = (Int(data[offset]), data[offset + 1])
      if type == 4, length >= 9 { interface = data[offset + 2] }
      if type == 5, length >= 7 { device.endpoints[data[offset + 2]] = interface }
      offset += length
    }
  }
}
