/// The fields of one protobuf message, decoded without generated code
/// (https://protobuf.dev/programming-guides/encoding).
struct WireFields {
  enum Value: Equatable {
    case varint(UInt64)
    case fixed64(UInt64)
    case bytes([UInt8])
    case fixed32(UInt32)

    /// The number in the field's tag.
    var wireType: Int {
      switch self {
      case .varint: 0
      case .fixed64: 1
      case .bytes: 2
      case .fixed32: 5
      }
    }
  }

  /// The bytes are no message.
  struct Invalid: Error { var offset: Int }

  /// By field number, in the order of the bytes.
  private(set) var values: [Int: [Value]] = [:]

  init(_ bytes: [UInt8]) throws {
    var offset = 0
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard offset < bytes.count else { break }
        let byte = bytes[offset]
        offset += 1
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
      }
      throw Invalid(offset: offset)
    }
    func take(_ count: UInt64) throws -> ArraySlice<UInt8> {
      guard count <= UInt64(bytes.count - offset) else { throw Invalid(offset: offset) }
      defer { offset += Int(count) }
      return bytes[offset..<(offset + Int(count))]
    }
    func number(_ count: UInt64) throws -> UInt64 {
      try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    while offset < bytes.count {
      let tag = try varint()
      let value: Value =
        switch tag & 7 {
        case 0: .varint(try varint())
        case 1: .fixed64(try number(8))
        case 2: .bytes(Array(try take(varint())))
        case 5: .fixed32(UInt32(truncatingIfNeeded: try number(4)))
        default: throw Invalid(offset: offset)
        }
      values[Int(tag >> 3), default: []].append(value)
    }
  }

  /// The last value of a field that is an integer, an enumeration or a Boolean; 0 without one.
  func integer(_ field: Int) -> UInt64 {
    switch values[field]?.last {
    case .varint(let value), .fixed64(let value): value
    case .fixed32(let value): UInt64(value)
    case .bytes, nil: 0
    }
  }

  func double(_ field: Int) -> Double { Double(bitPattern: integer(field)) }

  func float(_ field: Int) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: integer(field))) }

  func text(_ field: Int) -> String { String(decoding: bytes(field).last ?? [], as: UTF8.self) }

  /// All values of a repeated field of texts, bytes or messages.
  func bytes(_ field: Int) -> [[UInt8]] {
    (values[field] ?? []).compactMap { if case .bytes(let bytes) = $0 { bytes } else { nil } }
  }

  func messages(_ field: Int) throws -> [WireFields] { try bytes(field).map { try WireFields($0) } }

  /// The message in a field; an empty one if it is absent.
  func message(_ field: Int) throws -> WireFields { try WireFields(bytes(field).last ?? []) }
}
