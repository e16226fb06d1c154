/// Bytes in MCAP's layout: little-endian numbers, texts and maps with 32-bit lengths.
struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func put<Number: FixedWidthInteger>(_ value: Number) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ text: String) {
    put(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// Sorted, so that the same map gives the same bytes.
  mutating func put(_ map: [String: String]) {
    var inner = ByteWriter()
    for (key, value) in map.sorted(by: { $0.key < $1.key }) {
      inner.put(key)
      inner.put(value)
    }
    put(UInt32(inner.bytes.count))
    bytes.append(contentsOf: inner.bytes)
  }

  /// A whole record: opcode, length and what `body` puts.
  static func record(_ opcode: MCAPOpcode, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    var writer = ByteWriter()
    writer.put(opcode.rawValue)
    writer.put(UInt64(0))
    body(&writer)
    let length = UInt64(writer.bytes.count - MCAPFormat.recordHeader)
    withUnsafeBytes(of: length.littleEndian) { writer.bytes.replaceSubrange(1..<9, with: $0) }
    return writer.bytes
  }
}
