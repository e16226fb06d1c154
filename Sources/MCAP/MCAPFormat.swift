/// Facts of MCAP 1.0 (https://mcap.dev/spec).
enum MCAPFormat {
  static let magic: [UInt8] = [0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]
  /// Opcode and 64-bit length.
  static let recordHeader = 9
  /// Two 64-bit offsets and a CRC.
  static let footerLength = 20
  /// The shortest file: two magics, a header with two empty strings, the end of data and a footer.
  static let endLength = recordHeader + footerLength + 8
}

/// The kinds of record; others are skipped.
public enum MCAPOpcode: UInt8, Sendable {
  case header = 0x01
  case footer = 0x02
  case schema = 0x03
  case channel = 0x04
  case message = 0x05
  case chunk = 0x06
  case messageIndex = 0x07
  case chunkIndex = 0x08
  case attachment = 0x09
  case attachmentIndex = 0x0a
  case statistics = 0x0b
  case metadata = 0x0c
  case metadataIndex = 0x0d
  case summaryOffset = 0x0e
  case dataEnd = 0x0f
}

/// How chunks are compressed.
public enum MCAPCompression: Sendable, Hashable {
  case none
  case lz4
  case zstandard(level: Int)

  /// The name in the file.
  var name: String {
    switch self {
    case .none: ""
    case .lz4: "lz4"
    case .zstandard: "zstd"
    }
  }
}

/// What is wrong with a file, and where.
public struct MCAPError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Byte from the start of the file; nil when the fault is of the whole file.
  public var offset: UInt64?
  public var problem: String

  public init(at offset: UInt64?, _ problem: String) {
    self.offset = offset
    self.problem = problem
  }

  public var description: String { offset.map { "byte \($0): \(problem)" } ?? problem }
}
