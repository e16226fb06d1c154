import Devices
import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import SessionTools

/// Captures made byte by byte from the formats' specifications.
struct PacketCaptureTests {
  private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
    let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    let length = UInt32(12 + padded.count)
    return little(type) + little(length) + padded + little(length)
  }

  private static func file(linkType: UInt16, _ packets: [(time: UInt64, bytes: [UInt8])]) -> [UInt8] {
    var bytes = block(0x0a0d_0d0a, little(UInt32(0x1a2b_3c4d)) + [1, 0, 0, 0] + little(Int64(-1)))
    bytes += block(1, little(linkType) + [0, 0] + little(UInt32(65535)))
    for packet in packets {
      bytes += block(
        6,
        little(UInt32(0)) + little(UInt32(truncatingIfNeeded: packet.time >> 32))
          + little(UInt32(truncatingIfNeeded: packet.time)) + little(UInt32(packet.bytes.count))
          + little(UInt32(packet.bytes.count)) + packet.bytes)
    }
    return bytes
  }

  private static func usbmon(
    _ id: UInt64, _ event: Character, kind: UInt8, endpoint: UInt8, setup: [UInt8]? = nil, _ data: [UInt8]
  ) -> [UInt8] {
    var head = little(id) + [event.asciiValue ?? 0, kind, endpoint, 5] + little(UInt16(2))
    head += [setup == nil ? 45 : 0, data.isEmpty ? 60 : 0]
    head += [UInt8](repeating: 0, count: 24) + (setup ?? [UInt8](repeating: 0, count: 8))
    return head + [UInt8](repeating: 0, count: 64 - head.count) + data
  }

  private static let device: [UInt8] = [18, 1, 0, 2, 0, 0, 0, 64, 0xde, 0x28, 0x00, 0x20, 0, 1, 1, 2, 3, 1]
  private static let configuration: [UInt8] = [
    9, 2, 34, 0, 1, 1, 0, 0x80, 50, 9, 4, 1, 0, 1, 3, 0, 0, 0, 7, 5, 0x81, 3, 64, 0, 1,
  ]
  private static let descriptor: [UInt8] = [
    0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x85, 0x20, 0x75, 0x08, 0x95, 0x04, 0x09, 0x01, 0x81, 0x02,
    0xc0,
  ]
  private static func text(_ text: String) -> [UInt8] {
    let units = text.utf16.flatMap { little($0) }
    return [UInt8(units.count + 2), 3] + units
  }

  @Test func usbmonCaptureHoldsReportsDescriptorsAndFeatures() throws {
    func control(_ id: UInt64, _ setup: [UInt8], _ answer: [UInt8]) -> [(UInt64, [UInt8])] {
      [
        (id, Self.usbmon(id, "S", kind: 2, endpoint: 0x80, setup: setup, [])),
        (id, Self.usbmon(id, "C", kind: 2, endpoint: 0x80, answer)),
      ]
    }
    var packets: [(UInt64, [UInt8])] = []
    packets += control(1, [0x80, 6, 0, 1, 0, 0, 18, 0], Self.device)
    packets += control(2, [0x80, 6, 0, 2, 0, 0, 34, 0], Self.configuration)
    packets += control(3, [0x80, 6, 2, 3, 9, 4, 64, 0], Self.text("Headset"))
    packets += control(4, [0x80, 6, 3, 3, 9, 4, 64, 0], Self.text("SN-1"))
    packets += control(5, [0x81, 6, 0, 0x22, 1, 0, 18, 0], Self.descriptor)
    packets += control(6, [0xa1, 1, 7, 3, 1, 0, 3, 0], [7, 8, 9])
    packets.append(
      (7, Self.usbmon(7, "S", kind: 2, endpoint: 0, setup: [0x21, 9, 4, 3, 1, 0, 2, 0], [4, 1])))
    for index in 0..<5 {
      packets.append(
        (
          1000 + UInt64(index) * 1000,
          Self.usbmon(100, "C", kind: 1, endpoint: 0x81, [0x20, UInt8(index), 2, 3, 4])
        ))
    }
    let recordings = try PacketCapture.parse(Self.file(linkType: 220, packets), file: "x.pcapng")
    let recording = try #require(recordings.first)
    let interface = try #require(recording.interfaces.first)
    #expect(recordings.count == 1 && recording.interfaces.count == 1)
    #expect(interface.identity.vendor == 0x28de && interface.identity.product == 0x2000)
    #expect(interface.identity.name == "Headset" && interface.identity.serial == "SN-1")
    #expect(interface.identity.interfaceNumber == 1 && interface.descriptor?.bytes == Self.descriptor)
    #expect(interface.features.map(\.report) == [[7, 8, 9], [4, 1]])
    #expect(interface.features.map(\.direction) == [.get, .set])
    #expect(recording.events.map { Array(recording.bytes[$0.range])[1] } == [0, 1, 2, 3, 4])
    #expect(recording.events[4].offset - recording.events[0].offset == 4_000_000)
  }

  @Test func usbPcapCaptureHoldsReports() throws {
    func packet(_ endpoint: UInt8, kind: UInt8, fromDevice: Bool, _ data: [UInt8]) -> [UInt8] {
      Self.little(UInt16(27)) + Self.little(UInt64(1)) + Self.little(UInt32(0)) + Self.little(UInt16(9))
        + [fromDevice ? 1 : 0] + Self.little(UInt16(1)) + Self.little(UInt16(4)) + [endpoint, kind]
        + Self.little(UInt32(data.count)) + data
    }
    let recordings = try PacketCapture.parse(
      Self.file(
        linkType: 249,
        [
          (1, packet(0x80, kind: 2, fromDevice: false, [0x80, 6, 0, 1, 0, 0, 18, 0])),
          (2, packet(0x80, kind: 2, fromDevice: true, Self.device)),
          (3, packet(0x81, kind: 1, fromDevice: true, [1, 2, 3])),
        ]), file: "x")
    #expect(recordings.first?.interfaces.first?.identity.vendor == 0x28de)
    #expect(recordings.first?.bytes == [1, 2, 3])
  }

  /// Descriptors in a little-endian section, reports in a big-endian one: a capture joined from two machines.
  @Test func sectionsOfBothByteOrdersAreOneCapture() throws {
    func section(_ packets: [[UInt8]], _ number: (UInt64, Int) -> [UInt8]) -> [UInt8] {
      func block(_ type: UInt64, _ body: [UInt8]) -> [UInt8] {
        let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
        let length = UInt64(12 + padded.count)
        return number(type, 4) + number(length, 4) + padded + number(length, 4)
      }
      var head = number(0x1a2b_3c4d, 4)
      for (value, size) in [(1, 2), (0, 2), (.max, 8)] as [(UInt64, Int)] { head += number(value, size) }
      var bytes = block(0x0a0d_0d0a, head)
      bytes += block(1, number(220, 2) + number(0, 2) + number(65_535, 4))
      for (index, packet) in packets.enumerated() {
        let count = UInt64(packet.count)
        var body: [UInt8] = []
        for value in [0, 0, UInt64(index), count, count] { body += number(value, 4) }
        bytes += block(6, body + packet)
      }
      return bytes
    }
    let control = [
      Self.usbmon(1, "S", kind: 2, endpoint: 0x80, setup: [0x80, 6, 0, 1, 0, 0, 18, 0], []),
      Self.usbmon(1, "C", kind: 2, endpoint: 0x80, Self.device),
    ]
    var report = Self.usbmon(9, "C", kind: 1, endpoint: 0x81, [0x20, 1, 2, 3, 4])
    report.replaceSubrange(0..<8, with: Self.big(UInt64(9)))
    report.replaceSubrange(12..<14, with: Self.big(UInt16(2)))
    let bytes =
      section(control) { Array(Self.little($0).prefix($1)) }
      + section([report]) { Array(Self.big($0).suffix($1)) }
    let recordings = try PacketCapture.parse(bytes, file: "x.pcapng")
    #expect(recordings.count == 1 && recordings.first?.interfaces.first?.identity.vendor == 0x28de)
    #expect(recordings.first?.bytes == [0x20, 1, 2, 3, 4])
  }

  @Test(arguments: [false, true], [false, true])
  func classicCapturesAreRead(_ isBigEndian: Bool, _ isNanosecond: Bool) throws {
    func u32(_ value: UInt32) -> [UInt8] { isBigEndian ? Self.big(value) : Self.little(value) }
    var bytes = u32(isNanosecond ? 0xa1b2_3c4d : 0xa1b2_c3d4)
    bytes += isBigEndian ? [0, 2, 0, 4] : [2, 0, 4, 0]
    for value in [0, 0, 65_535, 249] as [UInt32] { bytes += u32(value) }
    func packet(_ endpoint: UInt8, kind: UInt8, fromDevice: Bool, _ data: [UInt8]) -> [UInt8] {
      Self.little(UInt16(27)) + Self.little(UInt64(1)) + Self.little(UInt32(0)) + Self.little(UInt16(9))
        + [fromDevice ? 1 : 0] + Self.little(UInt16(1)) + Self.little(UInt16(4)) + [endpoint, kind]
        + Self.little(UInt32(data.count)) + data
    }
    for (ticks, data) in [
      (0, packet(0x80, kind: 2, fromDevice: false, [0x80, 6, 0, 1, 0, 0, 18, 0])),
      (1, packet(0x80, kind: 2, fromDevice: true, Self.device)),
      (1000, packet(0x81, kind: 1, fromDevice: true, [1, 2])),
      (3000, packet(0x81, kind: 1, fromDevice: true, [3, 4])),
    ] as [(UInt32, [UInt8])] {
      for value in [1_700_000_000, ticks, UInt32(data.count), UInt32(data.count)] { bytes += u32(value) }
      bytes += data
    }
    let recording = try #require(try PacketCapture.parse(bytes, file: "x.pcap").first)
    #expect(recording.interfaces.first?.identity.vendor == 0x28de && recording.bytes == [1, 2, 3, 4])
    #expect(recording.duration == (isNanosecond ? 2_000 : 2_000_000))
    for length in 0..<bytes.count { _ = try? PacketCapture.parse(Array(bytes[0..<length]), file: "x") }
  }

  /// A capture that began after plugging in names no device; the user does.
  @Test func aCaptureWithoutDescriptorsSaysSo() throws {
    let packets = (0..<4).map { index in
      (UInt64(index), Self.usbmon(100, "C", kind: 1, endpoint: 0x84, [0x01, UInt8(index), 2, 3]))
    }
    let recordings = try PacketCapture.parse(Self.file(linkType: 220, packets), file: "x.pcapng")
    #expect(recordings.count == 1 && recordings[0].events.count == 4)
    #expect(recordings[0].interfaces[0].identity.interfaceNumber == nil)
    do {
      try CapturedIdentity.check(recordings, file: "x.pcapng")
      Issue.record("no error")
    } catch {
      #expect(
        error.cause == .unidentified && error.description.contains("bus 2 device 5, 4 reports of 4 bytes"))
      #expect(error.description.contains("--device VID:PID"))
    }
    let identity = try #require(CapturedIdentity("054c:09cc"))
    let named = identity.applied(to: recordings)
    try CapturedIdentity.check(named, file: "x.pcapng")
    let catalog = try TestPaths.catalog()
    let match = catalog.match(named[0].interfaces[0].identity, descriptor: nil)
    #expect(match?.description.family == "sony-dualshock4")
    #expect(CapturedIdentity(of: try TestPaths.description("sony-dualshock4"))?.vendor == 0x054c)
    for text in ["054c", "054c:", "x:y", "054c:09cc:1", "12345:1"] { #expect(CapturedIdentity(text) == nil) }
  }

  @Test func damagedCapturesDoNotTrap() throws {
    #expect(throws: PacketCaptureError.self) { try PacketCapture.parse([1, 2, 3], file: "x") }
    let whole = Self.file(
      linkType: 220, [(1, Self.usbmon(1, "C", kind: 1, endpoint: 0x81, [1, 2])), (2, [UInt8](0..<20))])
    for length in 0..<whole.count { _ = try? PacketCapture.parse(Array(whole[0..<length]), file: "x") }
    for place in whole.indices {
      var damaged = whole
      damaged[place] ^= 0xff
      _ = try? PacketCapture.parse(damaged, file: "x")
    }
  }
}
