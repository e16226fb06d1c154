import Diagnostics
import SwiftProtobuf

public typealias ClientFrame = Vrbridge_V1_ClientFrame
public typealias ServerFrame = Vrbridge_V1_ServerFrame

/// Frames of the stream: a length (u32, little-endian) and that many bytes of protobuf.
public enum Framing {
  /// Bytes of a frame at most, on both sides.
  public static let maximumLength = 1 << 20
  /// Bytes of a client's frame at most: requests are small.
  public static let maximumRequestLength = 1 << 16
  static let header = 4

  /// Appends a message with its length.
  public static func append(_ message: some Message, to bytes: inout [UInt8]) throws {
    let body: [UInt8] = try message.serializedBytes()
    withUnsafeBytes(of: UInt32(body.count).littleEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: body)
  }
}

/// A frame whose length is above the limit; nothing after it can be read.
public struct FrameError: CodedError, Equatable {
  public let length: Int
  public let limit: Int

  public var code: String { "frame-too-large" }
  public var description: String { "a frame has \(length) bytes; at most \(limit) are allowed" }
}

/// Splits received bytes into frames.
public struct FrameReader: Sendable {
  private var bytes: [UInt8] = []
  private var start = 0
  private let limit: Int

  public init(limit: Int) { self.limit = limit }

  /// Received bytes whose frame is incomplete.
  public var pendingBytes: Int { bytes.count - start }

  public mutating func append(_ received: UnsafeRawBufferPointer) {
    if start > 0, start == bytes.count || start > 1 << 16 {
      bytes.removeFirst(start)
      start = 0
    }
    bytes.append(contentsOf: received)
  }

  /// Returns the body of the next complete frame, or nil when more bytes are needed.
  public mutating func next() throws(FrameError) -> ArraySlice<UInt8>? {
    guard bytes.count - start >= Framing.header else { return nil }
    var length = 0
    for offset in (0..<Framing.header).reversed() { length = length << 8 | Int(bytes[start + offset]) }
    guard length <= limit else { throw FrameError(length: length, limit: limit) }
    let begin = start + Framing.header
    guard bytes.count - begin >= length else { return nil }
    start = begin + length
    return bytes[begin..<start]
  }
}
