/// A request to a confined process, or an answer, as one packet; its payload is in the shared memory.
///
/// Little-endian: magic number, kind (32 bits each), number of the request (64), count of parts, length of the body
/// (32 each), then offset and length of each part in the memory (64 each), then the body. The reader trusts nothing:
/// counts, lengths and ranges are checked against the packet and the memory.
public struct SandboxMessage: Sendable, Equatable {
  /// Of a request: the operation. Of an answer: `success` or `failure`.
  public var kind: UInt32
  public var number: UInt64
  /// Ranges of the memory that holds the payload.
  public var parts: [Range<Int>]
  public var body: [UInt8]

  public static let success: UInt32 = 0
  /// The body is a code, a zero byte, and a text for people.
  public static let failure: UInt32 = 1

  /// Bytes of a packet, at most.
  public static let maximumSize = 32 << 10
  public static let maximumParts = 256
  private static let headerSize = 24
  private static let magic: UInt32 = 0x3142_5356

  public init(kind: UInt32, number: UInt64, parts: [Range<Int>] = [], body: [UInt8] = []) {
    self.kind = kind
    self.number = number
    self.parts = parts
    self.body = body
  }

  /// The packet; nil when it would be longer than `maximumSize`.
  public var bytes: [UInt8]? {
    let size = Self.headerSize + parts.count * 16 + body.count
    guard parts.count <= Self.maximumParts, size <= Self.maximumSize else { return nil }
    var writer = SandboxWriter()
    writer.bytes.reserveCapacity(size)
    writer.put(Self.magic)
    writer.put(kind)
    writer.put(number)
    writer.put(UInt32(parts.count))
    writer.put(UInt32(body.count))
    for part in parts {
      writer.put(UInt64(part.lowerBound))
      writer.put(UInt64(part.count))
    }
    return writer.bytes + body
  }

  /// Reads a packet.
  ///
  /// - Parameter capacity: bytes of the memory in which the parts lie.
  /// - Throws: `SandboxError` with the cause `answerInvalid`.
  public init(_ bytes: [UInt8], capacity: Int) throws(SandboxError) {
    func invalid(_ problem: String) -> SandboxError {
      SandboxError(.answerInvalid, "a confined process sent a packet \(problem)")
    }
    var reader = SandboxReader(bytes)
    guard bytes.count <= Self.maximumSize, reader.read(UInt32.self) == Self.magic,
      let kind = reader.read(UInt32.self), let number = reader.read(UInt64.self),
      let partCount = reader.read(UInt32.self), let length = reader.read(UInt32.self)
    else { throw invalid("without a header") }
    guard partCount <= Self.maximumParts,
      bytes.count == Self.headerSize + Int(partCount) * 16 + Int(length)
    else { throw invalid("of another length than its header states") }
    var parts: [Range<Int>] = []
    for _ in 0..<partCount {
      guard let offset = reader.read(UInt64.self).flatMap({ Int(exactly: $0) }),
        let length = reader.read(UInt64.self).flatMap({ Int(exactly: $0) }),
        offset <= capacity, length <= capacity - offset
      else { throw invalid("with a part outside of the shared memory") }
      parts.append(offset..<(offset + length))
    }
    self.init(kind: kind, number: number, parts: parts, body: Array(bytes.suffix(Int(length))))
  }

  /// The answer that a request cannot be fulfilled.
  ///
  /// - Parameter code: of the error; the same from release to release.
  static func failed(_ number: UInt64, code: String, text: String) -> SandboxMessage {
    SandboxMessage(
      kind: Self.failure, number: number,
      body: Array(code.utf8.prefix(80)) + [0] + Array(text.utf8.prefix(2000)))
  }

  /// The error that a failure states.
  var refusal: SandboxError {
    let (code, text) = (body.prefix { $0 != 0 }, body.drop { $0 != 0 }.dropFirst())
    var error = SandboxError(.refused, String(String(decoding: text, as: UTF8.self).prefix(400)))
    error.detail = String(String(decoding: code, as: UTF8.self).prefix(80))
    return error
  }
}

/// Writes little-endian numbers.
public struct SandboxWriter: Sendable {
  public var bytes: [UInt8] = []

  public init() {}

  public mutating func put(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }
}

/// Reads little-endian numbers; nil behind the end.
public struct SandboxReader: Sendable {
  private var rest: ArraySlice<UInt8>

  public init(_ bytes: [UInt8]) { rest = bytes[...] }

  public var isAtEnd: Bool { rest.isEmpty }

  public mutating func read<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    let size = Number.bitWidth / 8
    guard rest.count >= size else { return nil }
    let number = rest.withUnsafeBytes { $0.loadUnaligned(as: Number.self) }
    rest = rest.dropFirst(size)
    return Number(littleEndian: number)
  }
}
