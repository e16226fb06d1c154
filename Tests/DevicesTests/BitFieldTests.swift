import Testing

@testable import Devices

struct BitFieldTests {
  /// Any field written is read back, and no bit outside it changes.
  @Test func storedBitsComeBackAndNeighboursStay() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let width = Int.random(in: 1...64, using: &random)
      let field = BitField(
        byte: .random(in: 0...8, using: &random), bit: .random(in: 0...15, using: &random), width: width,
        number: .unsigned, isBigEndian: .random(using: &random))
      var bytes = (0..<24).map { _ in UInt8.random(in: 0...255, using: &random) }
      let before = bytes
      let value = UInt64.random(in: 0...(width == 64 ? .max : (1 << UInt64(width)) - 1), using: &random)
      field.store(value, into: &bytes, base: 2)
      #expect(bytes.withUnsafeBytes { field.bits($0, base: 2) } == value)
      field.store(before.withUnsafeBytes { field.bits($0, base: 2) }, into: &bytes, base: 2)
      #expect(bytes == before)
    }
  }

  @Test func byteAlignedFieldsAreTheMachinesOwn() {
    let bytes: [UInt8] = [0x01, 0x02, 0x83, 0xff, 0x80, 0x3f]
    func value(_ byte: Int, _ width: Int, _ number: BitField.Number, _ big: Bool = false) -> Double {
      bytes.withUnsafeBytes {
        BitField(byte: byte, width: width, number: number, isBigEndian: big).value($0, base: 0)
      }
    }
    #expect(value(0, 16, .unsigned) == 0x0201)
    #expect(value(0, 16, .unsigned, true) == 0x0102)
    #expect(value(2, 16, .signed) == -125)
    #expect(value(2, 8, .signed) == -125)
    #expect(value(0, 24, .unsigned, true) == 0x010283)
    #expect(value(2, 32, .float) == Double(Float(bitPattern: 0x3f80_ff83)))
  }

  @Test func encodingSaturatesAtTheEndsOfTheField() {
    for width in [8, 12, 16, 32, 63, 64] {
      for number in [BitField.Number.signed, .unsigned] {
        let field = BitField(byte: 0, width: width, number: number)
        var bytes = [UInt8](repeating: 0, count: 8)
        field.encode(1e30, into: &bytes, base: 0)
        let high = bytes.withUnsafeBytes { field.value($0, base: 0) }
        #expect(high >= field.range.upperBound * 0.999_999)
        field.encode(-1e30, into: &bytes, base: 0)
        #expect(bytes.withUnsafeBytes { field.value($0, base: 0) } == field.range.lowerBound)
      }
    }
  }
}
