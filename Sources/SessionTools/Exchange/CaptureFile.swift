import Foundation

/// Reads the packets of capture files: pcapng (draft-ietf-opsawg-pcapng) and pcap (draft-ietf-opsawg-pcap).
enum CaptureFile {
  struct Packet {
    var linkType: UInt16
    /// ns.
    var time: Int64
    /// The byte order of the file or of the section.
    var isBigEndian: Bool
    var bytes: ArraySlice<UInt8>
  }

  /// Numbers of a file in its byte order.
  private struct Numbers {
    let bytes: [UInt8]
    var isBigEndian = false

    func u16(_ offset: Int) -> UInt16 {
      let (a, b) = (UInt16(bytes[offset]), UInt16(bytes[offset + 1]))
      return isBigEndian ? a << 8 | b : b << 8 | a
    }

    func u32(_ offset: Int) -> UInt32 {
      let (a, b) = (UInt32(u16(offset)), UInt32(u16(offset + 2)))
      return isBigEndian ? a << 16 | b : b << 16 | a
    }
  }

  private static let sectionHeader: [UInt8] = [0x0a, 0x0d, 0x0d, 0x0a]

  /// Visits all packets; a truncated file ends with its last whole packet.
  static func forEachPacket(_ bytes: [UInt8], _ file: String, _ body: (Packet) -> Void) throws {
    if bytes.count >= 28, bytes.starts(with: sectionHeader) { return blocks(bytes, body) }
    guard bytes.count >= 24, let (isBigEndian, tick) = classic(bytes) else {
      throw PacketCaptureError(
        .format, "\(file) is neither pcapng nor pcap; save the capture as pcapng with Wireshark or tshark")
    }
    packets(Numbers(bytes: bytes, isBigEndian: isBigEndian), tick: tick, body)
  }

  // MARK: pcap

  /// Returns byte order and nanoseconds per tick of a pcap file.
  private static func classic(_ bytes: [UInt8]) -> (isBigEndian: Bool, tick: Int64)? {
    for isBigEndian in [false, true] {
      switch Numbers(bytes: bytes, isBigEndian: isBigEndian).u32(0) {
      case 0xa1b2_c3d4: return (isBigEndian, 1000)
      case 0xa1b2_3c4d: return (isBigEndian, 1)
      default: break
      }
    }
    return nil
  }

  private static func packets(_ numbers: Numbers, tick: Int64, _ body: (Packet) -> Void) {
    // The upper bits hold the length of a frame check sequence.
    let linkType = UInt16(truncatingIfNeeded: numbers.u32(20))
    var offset = 24
    while offset + 16 <= numbers.bytes.count {
      let count = Int(numbers.u32(offset + 8))
      let start = offset + 16
      guard count <= numbers.bytes.count - start else { return }
      let time = Int64(numbers.u32(offset)) * 1_000_000_000 + Int64(numbers.u32(offset + 4)) * tick
      body(
        Packet(
          linkType: linkType, time: time, isBigEndian: numbers.isBigEndian,
          bytes: numbers.bytes[start..<(start + count)]))
      offset = start + count
    }
  }

  // MARK: pcapng

  private static func blocks(_ bytes: [UInt8], _ body: (Packet) -> Void) {
    var numbers = Numbers(bytes: bytes)
    var interfaces: [(linkType: UInt16, nanosecondsPerTick: Double)] = []
    var offset = 0
    while offset + 12 <= bytes.count {
      let isSection = bytes[offset..<(offset + 4)].elementsEqual(sectionHeader)
      if isSection {
        guard offset + 16 <= bytes.count else { return }
        numbers.isBigEndian = bytes[offset + 8] == 0x1a
        interfaces = []
      }
      let type = numbers.u32(offset)
      let length = Int(numbers.u32(offset + 4))
      // A truncated capture ends here.
      guard length >= 12, length % 4 == 0, length <= bytes.count - offset else { return }
      let end = offset + length - 4
      if !isSection, type == 1, length >= 20 {
        interfaces.append((numbers.u16(offset + 8), resolution(numbers, offset + 16, end)))
      } else if !isSection, type == 6, length >= 32 {
        let interface = Int(numbers.u32(offset + 8))
        let captured = Int(numbers.u32(offset + 20))
        guard interfaces.indices.contains(interface), captured <= end - offset - 28 else {
          offset += length
          continue
        }
        let ticks = UInt64(numbers.u32(offset + 12)) << 32 | UInt64(numbers.u32(offset + 16))
        let time = Double(ticks) * interfaces[interface].nanosecondsPerTick
        // In integers: a double can't hold today's time to a nanosecond.
        let isExact = interfaces[interface].nanosecondsPerTick == 1000 && ticks < 1 << 53
        body(
          Packet(
            linkType: interfaces[interface].linkType,
            time: isExact ? Int64(ticks) * 1000 : Int64(min(max(time, 0), 9e18)),
            isBigEndian: numbers.isBigEndian, bytes: bytes[(offset + 28)..<(offset + 28 + captured)]))
      }
      offset += length
    }
  }

  /// Nanoseconds per tick: option 9 of an interface, microseconds without it.
  private static func resolution(_ numbers: Numbers, _ start: Int, _ end: Int) -> Double {
    var offset = start
    while offset + 4 <= end {
      let (code, length) = (numbers.u16(offset), Int(numbers.u16(offset + 2)))
      if code == 0 { break }
      if code == 9, length == 1, offset + 4 < end {
        let value = numbers.bytes[offset + 4]
        let exponent = Double(value & 0x7f)
        return 1e9 * (value & 0x80 != 0 ? exp2(-exponent) : pow(10, -exponent))
      }
      offset += 4 + (length + 3) / 4 * 4
    }
    return 1000
  }
}
