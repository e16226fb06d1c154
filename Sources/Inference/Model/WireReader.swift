/// Steps through the fields of a Protocol Buffers message.
struct WireReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  /// - Returns: nil at the end and for malformed bytes.
  mutating func next() -> (number: UInt64, body: ArraySlice<UInt8>?)? {
    guard let tag = varint() else { return nil }
    let length: UInt64
    switch tag & 7 {
    case 0:
      guard varint() != nil else { return nil }
      return (tag >> 3, nil)
    case 1: length = 8
    case 5: length = 4
    case 2:
      guard let given = varint() else { return nil }
      length = given
    default: return nil
    }
    guard length <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(length)) }
    return (tag >> 3, tag & 7 == 2 ? rest.prefix(Int(length)) : nil)
  }
}
