import Compression

/// A chunk as it stands in the file, and its messages.
struct MCAPChunk {
  var startTime: UInt64
  var endTime: UInt64
  var uncompressedSize: UInt64
  var uncompressedCRC: UInt32
  var compression: String
  var storedSize: UInt64

  /// Bytes of the fields before the stored bytes, with the longest compression name that is known.
  static let longestHead = 8 + 8 + 8 + 4 + 4 + 4 + 8

  init(_ reader: inout ByteReader) throws(MCAPError) {
    startTime = try reader.number()
    endTime = try reader.number()
    uncompressedSize = try reader.number()
    uncompressedCRC = try reader.number()
    compression = try reader.text()
    storedSize = try reader.number()
  }

  /// - Parameters:
  ///   - stored: the `storedSize` bytes after the head.
  ///   - offset: of the chunk's record, for messages.
  func inflate(
    _ stored: UnsafeRawBufferPointer, at offset: UInt64, _ limits: MCAPLimits
  ) throws(MCAPError) -> [UInt8] {
    guard uncompressedSize <= limits.chunk else {
      throw MCAPError(
        at: offset,
        "a chunk of \(uncompressedSize) bytes; \(limits.chunk) are the most that is inflated: write the file with smaller chunks"
      )
    }
    let bytes: [UInt8]
    do {
      switch compression {
      case "":
        guard storedSize == uncompressedSize else {
          throw MCAPError(at: offset, "a chunk without compression has two sizes")
        }
        bytes = Array(stored)
      case "zstd": bytes = try inflateZstandard(stored, size: Int(uncompressedSize))
      case "lz4": bytes = try inflateLZ4(stored, size: Int(uncompressedSize))
      default: throw MCAPError(at: offset, "the compression '\(compression.prefix(20))' is not known")
      }
    } catch let fault as MCAPError {
      throw fault
    } catch {
      throw MCAPError(at: offset, "a chunk can't be inflated: \(error)")
    }
    // 0 says that the writer made none.
    if uncompressedCRC != 0 {
      let found = bytes.withUnsafeBytes { crc32($0) }
      guard found == uncompressedCRC else {
        throw MCAPError(at: offset, "the checksum of a chunk does not fit")
      }
    }
    return bytes
  }
}
