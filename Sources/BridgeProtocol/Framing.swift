import SwiftProtobuf

public typealias ClientFrame = Vrbridge_V1_ClientFrame
public typealias ServerFrame = Vrbridge_V1_ServerFrame

/// Frames on the stream: a length (u32, little-endian) and as many bytes of protobuf.
public enum Framing {
  /// Longer frames are refused on both sides.
  public static let maximumLength = 1 << 20
  /// What a client may send: its requests are small.
  public static let maximumRequestLength = 1 << 16
  static let header = 4

  /// Appends a message with its length.
  public static func append(_ message: some Message, to bytes: inout [UInt8]) throws {
    let body: [UInt8] = try message.serializedBytes()
    withUnsafeBytes(of: UInt32(body.count).littleEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: body)
  }
}

/// Collects received bytes and gives them out as frames.
public struct FrameReader: Sendable {
  public enum Fault: Error, Sendable, Equatable {
    /// The length is beyond the limit; the stream can't be followed any more.
    case tooLarge(Int)
  }
  private var bytes: [UInt8] = []
  private var start = 0
  private let limit: Int

  public init(limit: Int) { self.limit = limit }

  /// Bytes that wait for the rest of their frame.
  public var pendingBytes: Int { bytes.count - start }

  public mutating func append(_ received: UnsafeRawBufferPointer) {
    if start > 0, start == bytes.count || start > 1 << 16 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes.append(contentsOf: received)
  }

  /// The body of the next whole frame, or nil when more bytes are needed.
  public mutating func next() throws(Fault) -> ArraySlice<UInt8>? {
    guard bytes.count - start >= Framing.header else { return nil }
    var length = 0
    for offset in (0..<Framing.header).reversed() { length = length << 8 | Int(bytes[start + offset]) }
    guard length <= limit else { throw .tooLarge(length) }
    let begin = start + Framing.header
    guard bytes.count - begin >= length else { return nil }
    start = begin + length
    return bytes[begin..<start]
  }
}
