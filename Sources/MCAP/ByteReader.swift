/// Reads MCAP's layout from bytes that may say anything.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0
  /// Where the bytes lie in the file, for messages.
  private let base: UInt64

  init(_ bytes: UnsafeRawBufferPointer, at base: UInt64) {
    self.bytes = bytes
    self.base = base
  }

  var remaining: Int { bytes.count - position }

  func fault(_ problem: String) -> MCAPError { MCAPError(at: base + UInt64(position), problem) }

  mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(MCAPError) -> Number {
    let size = MemoryLayout<Number>.size
    guard remaining >= size else { throw fault("the record ends in the middle of a number") }
    defer { position += size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
  }

  mutating func take(_ count: UInt64) throws(MCAPError) -> UnsafeRawBufferPointer {
    guard count <= UInt64(remaining) else {
      throw fault("\(count) bytes are announced where \(remaining) are left in the record")
    }
    defer { position += Int(count) }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + Int(count))])
  }

  mutating func rest() -> UnsafeRawBufferPointer {
    defer { position = bytes.count }
    return UnsafeRawBufferPointer(rebasing: bytes[position...])
  }

  mutating func text() throws(MCAPError) -> String {
    let count = try number(UInt32.self)
    return String(decoding: try take(UInt64(count)), as: UTF8.self)
  }

  mutating func map() throws(MCAPError) -> [String: String] {
    let count = try number(UInt32.self)
    let start = base + UInt64(position)
    var inner = ByteReader(try take(UInt64(count)), at: start)
    var result: [String: String] = [:]
    while inner.remaining > 0 {
      let key = try inner.text()
      result[key] = try inner.text()
    }
    return result
  }
}
