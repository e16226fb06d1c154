/// Reads a table of a FlatBuffers file in its bytes. Fields that point outside of the file are absent.
///
/// Source: FlatBuffers internals (https://flatbuffers.dev/internals): all numbers are little-endian; a table begins with
/// the distance back to its vtable, which holds the offsets of its fields; an offset counts from its own position.
struct FlatBufferTable {
  private let bytes: [UInt8]
  private let position: Int

  /// Reads the root table of a file.
  init?(file: [UInt8]) {
    guard let root = Self.number(file, 0, width: 4) else { return nil }
    self.init(bytes: file, position: root)
  }

  private init?(bytes: [UInt8], position: Int) {
    guard position >= 0, position + 4 <= bytes.count else { return nil }
    self.bytes = bytes
    self.position = position
  }

  private static func number(_ bytes: [UInt8], _ offset: Int, width: Int) -> Int? {
    guard offset >= 0, offset + width <= bytes.count else { return nil }
    return (0..<width).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
  }

  /// Returns the file offset of a field's value, or of the offset to it; not necessarily within the file.
  ///
  /// - Parameter field: its number in the schema, from 0.
  func offset(of field: Int) -> Int? {
    guard let raw = Self.number(bytes, position, width: 4) else { return nil }
    let vtable = position - Int(Int32(truncatingIfNeeded: raw))
    guard let size = Self.number(bytes, vtable, width: 2), 4 + 2 * field + 2 <= size,
      let offset = Self.number(bytes, vtable + 4 + 2 * field, width: 2), offset > 0
    else { return nil }
    return position + offset
  }

  /// Follows the offset that stands at a file offset.
  private static func target(_ bytes: [UInt8], _ offset: Int) -> Int? {
    number(bytes, offset, width: 4).map { offset + $0 }
  }

  func table(_ field: Int) -> FlatBufferTable? {
    offset(of: field).flatMap { Self.target(bytes, $0) }.flatMap {
      FlatBufferTable(bytes: bytes, position: $0)
    }
  }

  /// - Parameter width: bytes of the number.
  func integer(_ field: Int, width: Int) -> Int? {
    offset(of: field).flatMap { Self.number(bytes, $0, width: width) }
  }

  /// Returns the file offsets of a vector's elements.
  ///
  /// - Parameter width: bytes of an element.
  func elements(_ field: Int, width: Int) -> Range<Int>? {
    guard let start = offset(of: field).flatMap({ Self.target(bytes, $0) }) else { return nil }
    return Self.elements(bytes, start, width: width)
  }

  private static func elements(_ bytes: [UInt8], _ start: Int, width: Int) -> Range<Int>? {
    guard let count = number(bytes, start, width: 4) else { return nil }
    let end = start + 4 + count * width
    return end <= bytes.count ? start + 4..<end : nil
  }

  func tables(_ field: Int) -> [FlatBufferTable] {
    guard let range = elements(field, width: 4) else { return [] }
    return stride(from: range.lowerBound, to: range.upperBound, by: 4).compactMap { offset in
      Self.target(bytes, offset).flatMap { FlatBufferTable(bytes: bytes, position: $0) }
    }
  }

  func text(_ field: Int) -> String? {
    elements(field, width: 1).map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  func texts(_ field: Int) -> [String] {
    guard let range = elements(field, width: 4) else { return [] }
    return stride(from: range.lowerBound, to: range.upperBound, by: 4).map { offset in
      let text = Self.target(bytes, offset).flatMap { Self.elements(bytes, $0, width: 1) }
      return text.map { String(decoding: bytes[$0], as: UTF8.self) } ?? ""
    }
  }
}
