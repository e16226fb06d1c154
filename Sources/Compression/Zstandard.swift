import CZstd

/// Compresses blocks with Zstandard (RFC 8878), keeping the library's working memory between blocks.
public final class ZstandardCompressor {
  private let context: OpaquePointer
  private let level: Int32

  public init(level: Int) throws(CompressionFault) {
    guard let context = ZSTD_createCCtx() else { throw CompressionFault("no memory for Zstandard") }
    self.context = context
    self.level = Int32(clamping: level)
  }

  deinit { ZSTD_freeCCtx(context) }

  /// Appends the compressed form of `bytes` to `output`.
  public func compress(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(CompressionFault) {
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
      throw CompressionFault("Zstandard: \(String(cString: ZSTD_getErrorName(written)))")
    }
  }
}

/// Inflates one Zstandard frame whose size is known.
///
/// - Parameter size: the size that the container declares; a frame of any other size is refused.
public func inflateZstandard(_ bytes: UnsafeRawBufferPointer, size: Int) throws(CompressionFault) -> [UInt8] {
  // The frame says its own size; believing only what both say keeps a small file from asking for gigabytes.
  let declared = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
  // The two highest values mean "unknown" and "not a frame".
  if declared < UInt64.max - 1, declared != UInt64(size) {
    throw CompressionFault("the Zstandard frame holds \(declared) bytes, the container says \(size)")
  }
  var written = 0
  let output = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    written = ZSTD_decompress(buffer.baseAddress, size, bytes.baseAddress, bytes.count)
    count = ZSTD_isError(written) == 0 ? written : 0
  }
  guard ZSTD_isError(written) == 0 else {
    throw CompressionFault("Zstandard: \(String(cString: ZSTD_getErrorName(written)))")
  }
  guard output.count == size else {
    throw CompressionFault("the Zstandard frame holds \(output.count) bytes, the container says \(size)")
  }
  return output
}
