import CZstd

/// Compresses blocks with Zstandard (RFC 8878), keeping the library's working memory between blocks.
public final class ZstandardCompressor {
  private let context: OpaquePointer
  private let level: Int32

  public init(level: Int) throws(CompressionError) {
    guard let context = ZSTD_createCCtx() else { throw CompressionError("no memory for Zstandard") }
    self.context = context
    self.level = Int32(clamping: level)
  }

  deinit { ZSTD_freeCCtx(context) }

  /// Appends the compressed form of `bytes` to `output`.
  public func compress(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(CompressionError) {
    let start = output.count
    let bound = ZSTD_compressBound(bytes.count)
    var written = 0
    output.reserveCapacity(start + bound)
    output.append(addingCapacity: bound) { span in
      span.withUnsafeMutableBufferPointer { buffer, count in
        written = ZSTD_compressCCtx(
          context, UnsafeMutableRawPointer(buffer.baseAddress), bound, bytes.baseAddress, bytes.count, level)
        count = ZSTD_isError(written) == 0 ? written : 0
      }
    }
    guard ZSTD_isError(written) == 0 else {
      throw CompressionError("Zstandard: \(String(cString: ZSTD_getErrorName(written)))")
    }
  }
}

/// Inflates one Zstandard frame of known size.
///
/// - Parameter size: the size that the container declares; a frame of any other size is rejected.
public func inflateZstandard(_ bytes: UnsafeRawBufferPointer, size: Int) throws(CompressionError) -> [UInt8] {
  // The frame declares a size too; a size that both declare keeps a small file from claiming gigabytes of memory.
  let declared = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
  // The two highest values mean "unknown" and "not a frame".
  if declared < UInt64.max - 1, declared != UInt64(size) {
    throw CompressionError("the Zstandard frame holds \(declared) bytes, the container declares \(size)")
  }
  var written = 0
  let output = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    written = ZSTD_decompress(buffer.baseAddress, size, bytes.baseAddress, bytes.count)
    count = ZSTD_isError(written) == 0 ? written : 0
  }
  guard ZSTD_isError(written) == 0 else {
    throw CompressionError("Zstandard: \(String(cString: ZSTD_getErrorName(written)))")
  }
  guard output.count == size else {
    throw CompressionError("the Zstandard frame holds \(output.count) bytes, the container declares \(size)")
  }
  return output
}
