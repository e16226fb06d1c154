/// A number at a place in a report: any bit offset, any width from 1 to 64, either byte order.
///
/// In little-endian order bit 0 is the lowest bit of the first byte and fields grow upwards, as in HID. In
/// big-endian order bit 0 is the highest bit of the first byte and fields grow downwards, as in the packed
/// triples of the Rift.
public struct BitField: Hashable, Sendable {
  public enum Number: UInt8, Sendable {
    case unsigned, signed, float
    /// Offset binary: the middle of the unsigned range means 0.
    case offset
  }

  package var byte: Int
  package var bit: Int
  package var width: Int
  package var number: Number
  package var isBigEndian: Bool

  package init(byte: Int, bit: Int = 0, width: Int, number: Number, isBigEndian: Bool = false) {
    // Offsets beyond the first byte are folded in, so that 'bit' is 0...7 and the span below is exact.
    self.byte = byte + bit / 8
    self.bit = bit % 8
    self.width = width
    self.number = number
    self.isBigEndian = isBigEndian
  }

  /// One past the last byte that the field touches, from the start of the report or slot.
  package var endByte: Int { byte + (bit + width + 7) / 8 }

  /// The largest and smallest raw value.
  package var range: ClosedRange<Double> {
    switch number {
    case .unsigned: 0...(exp2i(width) - 1)
    case .signed: -exp2i(width - 1)...(exp2i(width - 1) - 1)
    case .offset: -exp2i(width - 1)...(exp2i(width - 1) - 1)
    case .float: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    }
  }

  /// The bits as an unsigned number. The caller has checked that `base + endByte <= bytes.count`.
  @inline(__always)
  package func bits(_ bytes: UnsafeRawBufferPointer, base: Int) -> UInt64 {
    let start = base + byte
    if bit == 0 {
      switch (width, isBigEndian) {
      case (8, _): return UInt64(bytes[start])
      case (16, false): return UInt64(bytes.loadUnaligned(fromByteOffset: start, as: UInt16.self))
      case (32, false): return UInt64(bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
      default: break
      }
    }
    let end = base + endByte
    if end - start <= 8 {
      var window: UInt64 = 0
      if isBigEndian {
        for index in start..<end { window = window << 8 | UInt64(bytes[index]) }
        window >>= UInt64((end - start) * 8 - bit - width)
      } else {
        var index = end
        while index > start {
          index -= 1
          window = window << 8 | UInt64(bytes[index])
        }
        window >>= UInt64(bit)
      }
      return width == 64 ? window : window & (1 << UInt64(width) - 1)
    }
    // Nine bytes are touched: one bit at a time is slow and rare.
    var value: UInt64 = 0
    for offset in 0..<width {
      let position = bit + offset
      let octet = bytes[start + position / 8]
      if isBigEndian {
        value = value << 1 | UInt64(octet >> UInt8(7 - position % 8) & 1)
      } else {
        value |= UInt64(octet >> UInt8(position % 8) & 1) << UInt64(offset)
      }
    }
    return value
  }

  /// The raw value before scale and unit. A float may be NaN or infinite: the caller checks.
  @inline(__always)
  package func value(_ bytes: UnsafeRawBufferPointer, base: Int) -> Double {
    let raw = bits(bytes, base: base)
    switch number {
    case .unsigned: return Double(raw)
    case .offset: return Double(raw) - exp2i(width - 1)
    case .signed: return Double(Int64(bitPattern: raw << UInt64(64 - width)) >> Int64(64 - width))
    case .float:
      return width == 32
        ? Double(Float(bitPattern: UInt32(truncatingIfNeeded: raw))) : Double(bitPattern: raw)
    }
  }

  /// Writes the bits; used by the emulator. Bits outside the field are kept.
  package func store(_ raw: UInt64, into bytes: inout [UInt8], base: Int) {
    for offset in 0..<width {
      let position = bit + offset
      let index = base + byte + position / 8
      let shift = UInt8(isBigEndian ? 7 - position % 8 : position % 8)
      let source = UInt64(isBigEndian ? width - 1 - offset : offset)
      bytes[index] = bytes[index] & ~(1 << shift) | UInt8(raw >> source & 1) << shift
    }
  }

  /// Rounds to the nearest value that the field can hold, at its ends saturating, and writes it.
  package func encode(_ given: Double, into bytes: inout [UInt8], base: Int) {
    // A scale without end turns 0 into no number.
    let value = given.isNaN && number != .float ? 0 : given
    switch number {
    case .float:
      store(width == 32 ? UInt64(Float(value).bitPattern) : value.bitPattern, into: &bytes, base: base)
    case .offset:
      let middle = exp2i(width - 1)
      let raw = min(max(value.rounded() + middle, 0), 2 * middle - 1)
      // Above 2^53 the end of the range is not representable.
      store(raw >= exp2i(64) ? .max : UInt64(raw), into: &bytes, base: base)
    case .unsigned, .signed:
      let rounded = value.rounded()
      let bits = number == .signed ? width - 1 : width
      let highest: UInt64 = bits == 64 ? .max : (1 << UInt64(bits)) - 1
      if rounded < 0 {
        // −2^63 has no positive counterpart, so the lowest value is given by its bits.
        let lowest = Int64(bitPattern: ~highest)
        let raw = number == .signed ? (rounded <= range.lowerBound ? lowest : Int64(rounded)) : 0
        store(UInt64(bitPattern: raw), into: &bytes, base: base)
      } else {
        // Above 2^53 the end of the range is not representable: what is not below it is it.
        store(rounded >= range.upperBound ? highest : UInt64(rounded), into: &bytes, base: base)
      }
    }
  }
}

private func exp2i(_ power: Int) -> Double { Double(sign: .plus, exponent: power, significand: 1) }
