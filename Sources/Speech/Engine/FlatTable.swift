/// A table of a FlatBuffers file, read where it lies. What points outside of the file is absent.
///
/// Source: FlatBuffers' internals (https://flatbuffers.dev/internals): all numbers are little-endian; a table begins with
/// the distance back to its row of fields' places; an offset counts from where it stands.
struct FlatTable {
  private let bytes: [UInt8]
  private let position: Int

  /// The root of a file.
  init?(file: [UInt8]) {
    guard let root = Self.number(file, 0, width: 4) else { return nil }
    self.init(bytes: file, position: root)
  }

  private init?(bytes: [UInt8], position: Int) {
    guard position >= 0, position + 4 <= bytes.count else { return nil }
    self.bytes = bytes
    self.position = position
  }

  private static func number(_ bytes: [UInt8], _ at: Int, width: Int) -> Int? {
    guard at >= 0, at + width <= bytes.count else { return nil }
    return (0..<width).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  /// Where a field's value, or the offset to it, stands; not necessarily within the file.
  ///
  /// - Parameter field: its number in the schema, from 0.
  func place(_ field: Int) -> Int? {
    guard let raw = Self.number(bytes, position, width: 4) else { return nil }
    let row = position - Int(Int32(truncatingIfNeeded: raw))
    guard let size = Self.number(bytes, row, width: 2), 4 + 2 * field + 2 <= size,
      let offset = Self.number(bytes, row + 4 + 2 * field, width: 2), offset > 0
    else { return nil }
    return position + offset
  }

  private static func target(_ bytes: [UInt8], _ place: Int) -> Int? {
    number(bytes, place, width: 4).map { place + $0 }
  }

  func table(_ field: Int) -> FlatTable? {
    place(field).flatMap { Self.target(bytes, $0) }.flatMap { FlatTable(bytes: bytes, position: $0) }
  }

  /// - Parameter width: bytes of the number.
  func integer(_ field: Int, width: Int) -> Int? {
    place(field).flatMap { Self.number(bytes, $0, width: width) }
  }

  /// Where the elements of a vector lie.
  ///
  /// - Parameter width: bytes of an element.
  func elements(_ field: Int, width: Int) -> Range<Int>? {
    guard let start = place(field).flatMap({ Self.target(bytes, $0) }) else { return nil }
    return Self.elements(bytes, start, width: width)
  }

  private static func elements(_ bytes: [UInt8], _ start: Int, width: Int) -> Range<Int>? {
    guard let count = number(bytes, start, width: 4) else { return nil }
    let end = start + 4 + count * width
    return end <= bytes.count ? start + 4..<end : nil
  }

  func tables(_ field: Int) -> [FlatTable] {
    guard let range = elements(field, width: 4) else { return [] }
    return stride(from: range.lowerBound, to: range.upperBound, by: 4).compactMap { place in
      Self.target(bytes, place).flatMap { FlatTable(bytes: bytes, position: $0) }
    }
  }

  func text(_ field: Int) -> String? {
    elements(field, width: 1).map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  func texts(_ field: Int) -> [String] {
    guard let range = elements(field, width: 4) else { return [] }
    return stride(from: range.lowerBound, to: range.upperBound, by: 4).map { place in
      let text = Self.target(bytes, place).flatMap { Self.elements(bytes, $0, width: 1) }
      return text.map { String(decoding: bytes[$0], as: UTF8.self) } ?? ""
    }
  }
}
