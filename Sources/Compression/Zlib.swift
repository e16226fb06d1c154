import CZlib
public import Diagnostics

/// Inflates a whole zlib stream (RFC 1950) of at most `limit` bytes.
public func inflateZlib(_ input: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
  var stream = z_stream()
  guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
    throw CompressionError("zlib could not be started")
  }
  defer { inflateEnd(&stream) }
  var input = input
  var output: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16_384)
  let status: Int32 = input.withUnsafeMutableBufferPointer { source in
    stream.next_in = source.baseAddress
    stream.avail_in = uInt(source.count)
    while true {
      let size = chunk.count
      let result: Int32 = chunk.withUnsafeMutableBufferPointer { target in
        stream.next_out = target.baseAddress
        stream.avail_out = uInt(size)
        return inflate(&stream, Z_NO_FLUSH)
      }
      output += chunk[0..<(size - Int(stream.avail_out))]
      if output.count > limit { return Z_MEM_ERROR }
      guard result == Z_OK else { return result }
      // No progress and no more input: the stream is truncated.
      if stream.avail_in == 0, stream.avail_out != 0 { return Z_BUF_ERROR }
    }
  }
  switch status {
  case Z_STREAM_END: return output
  case Z_MEM_ERROR:
    throw CompressionError("the compressed data inflates to more than \(limit) bytes", isTooLarge: true)
  case Z_BUF_ERROR: throw CompressionError("the compressed data is truncated")
  default: throw CompressionError("the compressed data is corrupt")
  }
}

/// Deflates bytes into a zlib stream.
public func deflateZlib(_ input: [UInt8]) throws(CompressionError) -> [UInt8] {
  var size = compressBound(uLong(input.count))
  var output = [UInt8](repeating: 0, count: Int(size))
  guard compress2(&output, &size, input, uLong(input.count), 9) == Z_OK else {
    throw CompressionError("zlib could not compress")
  }
  return Array(output.prefix(Int(size)))
}

/// Bytes can't be inflated or deflated.
public struct CompressionError: CodedError, Sendable {
  public var description: String
  /// Whether the data inflate to more than is allowed.
  public var isTooLarge: Bool
  public var code: String { "compressed-data-invalid" }

  init(_ description: String, isTooLarge: Bool = false) {
    self.description = description
    self.isTooLarge = isTooLarge
  }
}
