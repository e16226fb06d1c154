import CZlib

/// Inflates the body of a request: gzip (RFC 1952, of several members too), zlib (RFC 1950) or plain deflate data (RFC
/// 1951), which HTTP's `deflate` stands for in clients of both readings.
public enum BodyInflater {
  public enum Format: Sendable { case gzip, deflate }

  private static let chunk = 64 << 10

  /// Inflates a body.
  ///
  /// - Parameters:
  ///   - limit: bytes of the result, at most.
  ///   - reserve: called with the size that the result is about to have, before it takes memory; throws to end.
  /// - Throws: `CompressionError` for data that are invalid, truncated, followed by others, or too large.
  public static func inflate<Refusal: Error>(
    _ input: [UInt8], _ format: Format, limit: Int, reserve: (Int) throws(Refusal) -> Void
  ) throws(Refusal) -> Result<[UInt8], CompressionError> {
    var stream = z_stream()
    guard
      inflateInit2_(&stream, windowBits(input, format), ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        == Z_OK
    else { return .failure(CompressionError("zlib could not be started")) }
    defer { inflateEnd(&stream) }
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: chunk)
    var used = 0
    while true {
      let (result, read, written) = step(&stream, input, from: used, into: &piece)
      used += read
      guard output.count + written <= limit else {
        return .failure(
          CompressionError("the compressed data inflates to more than \(limit) bytes", isTooLarge: true))
      }
      try reserve(output.count + written)
      output += piece[..<written]
      switch result {
      case Z_STREAM_END where used == input.count: return .success(output)
      case Z_STREAM_END:
        // Further members of gzip data count to the same body.
        guard format == .gzip, inflateReset(&stream) == Z_OK else {
          return .failure(CompressionError("bytes follow the compressed data"))
        }
      case Z_OK where read > 0 || written > 0: continue
      case Z_OK, Z_BUF_ERROR: return .failure(CompressionError("the compressed data is truncated"))
      default: return .failure(CompressionError("the compressed data is corrupt"))
      }
    }
  }

  /// Inflates one piece.
  private static func step(
    _ stream: inout z_stream, _ input: [UInt8], from start: Int, into piece: inout [UInt8]
  ) -> (result: Int32, read: Int, written: Int) {
    input.withUnsafeBufferPointer { source in
      piece.withUnsafeMutableBufferPointer { target in
        // zlib counts in 32 bits, and does not write to its input.
        let available = min(source.count - start, Int(UInt32.max))
        stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress.map { $0 + start })
        stream.avail_in = uInt(available)
        stream.next_out = target.baseAddress
        stream.avail_out = uInt(target.count)
        let result = CZlib.inflate(&stream, Z_NO_FLUSH)
        return (result, available - Int(stream.avail_in), target.count - Int(stream.avail_out))
      }
    }
  }

  private static func windowBits(_ input: [UInt8], _ format: Format) -> Int32 {
    if format == .gzip { return 15 + 16 }
    // The header of zlib: method 8, and a checksum of both bytes.
    let isZlib =
      input.count >= 2 && input[0] & 0x0F == 8 && (Int(input[0]) << 8 | Int(input[1])).isMultiple(of: 31)
    return isZlib ? 15 : -15
  }
}
