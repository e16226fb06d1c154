import CLZ4

/// Appends `bytes` as one LZ4 frame to `output`.
public func deflateLZ4(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(CompressionError) {
  let start = output.count
  output.append(contentsOf: repeatElement(0, count: LZ4F_compressFrameBound(bytes.count, nil)))
  let written = output.withUnsafeMutableBytes {
    LZ4F_compressFrame(
      $0.baseAddress.map { $0 + start }, $0.count - start, bytes.baseAddress, bytes.count, nil)
  }
  guard LZ4F_isError(written) == 0 else {
    output.removeLast(output.count - start)
    throw CompressionError("LZ4: \(String(cString: LZ4F_getErrorName(written)))")
  }
  output.removeLast(output.count - start - written)
}

/// Inflates one LZ4 frame of known size.
public func inflateLZ4(_ bytes: UnsafeRawBufferPointer, size: Int) throws(CompressionError) -> [UInt8] {
  var created: OpaquePointer?
  guard LZ4F_isError(LZ4F_createDecompressionContext(&created, UInt32(LZ4F_VERSION))) == 0,
    let context = created
  else { throw CompressionError("no memory for LZ4") }
  defer { LZ4F_freeDecompressionContext(context) }
  var code = 0
  var read = 0
  let output = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    repeat {
      var room = size - count
      var input = bytes.count - read
      code = LZ4F_decompress(
        context, buffer.baseAddress.map { $0 + count }, &room, bytes.baseAddress.map { $0 + read }, &input,
        nil)
      count += room
      read += input
      // 0 is the end of the frame; a call without progress means that the end is missing.
      if room == 0, input == 0 { break }
    } while LZ4F_isError(code) == 0 && code != 0
  }
  guard LZ4F_isError(code) == 0 else {
    throw CompressionError("LZ4: \(String(cString: LZ4F_getErrorName(code)))")
  }
  guard code == 0, output.count == size else {
    throw CompressionError("the LZ4 frame does not hold the \(size) bytes that the container declares")
  }
  return output
}
