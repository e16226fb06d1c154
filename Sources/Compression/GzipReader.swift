import CZlib
import Glibc

/// Reads a file, plain or gzip, in pieces; what it inflates to is bounded by what was read of it.
///
/// A gzip file of 1 MB can inflate to 1 GB. Recordings shrink to a twentieth; a file far beyond that was made to exhaust
/// the memory of its reader.
public final class GzipReader {
  /// Bytes that every file may inflate to.
  public static let base = 64 << 20
  /// Bytes for each byte read beyond that.
  public static let ratio = 64

  private let file: gzFile
  private let largest: Int
  private var chunk = [UInt8](repeating: 0, count: 1 << 18)
  /// Bytes returned so far.
  public private(set) var count = 0
  /// Whether the compressed data ended early; what came before was returned.
  public private(set) var isTruncated = false

  /// - Parameter largest: bytes that are returned at most, of a file of any size.
  public init(path: String, largest: Int) throws(CompressionError) {
    // zlib's gz functions read plain files as they are.
    guard let file = gzopen(path, "rb") else {
      throw CompressionError("the file can't be opened: \(String(cString: strerror(errno)))")
    }
    // A folder opens, and fails with its first byte.
    var information = stat()
    if stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR {
      gzclose(file)
      throw CompressionError("it is a folder; name a file in it")
    }
    self.file = file
    self.largest = largest
  }

  deinit { gzclose(file) }

  /// Bytes that may be held in memory for what was read so far.
  public var allowance: Int { min(largest, Self.base + Self.ratio * max(0, gzoffset(file))) }

  /// Returns the next piece; nil at the end.
  ///
  /// - Throws: for data that are not readable from the beginning, and beyond the bounds.
  public func next() throws(CompressionError) -> ArraySlice<UInt8>? {
    let read = Int(gzread(file, &chunk, UInt32(chunk.count)))
    if read > 0 {
      count += read
      guard count <= allowance else {
        throw CompressionError(
          count > largest
            ? "it holds more than \(largest) bytes"
            : "it inflates to more than \(Self.ratio) times its size, which no recording does; inflate it with gunzip if it is yours",
          isTooLarge: true)
      }
      return chunk[0..<read]
    }
    var code: Int32 = 0
    if read == 0 { _ = gzerror(file, &code) }
    if read < 0, count == 0 { throw CompressionError("it is not readable gzip data") }
    isTruncated = read < 0 || code == Z_BUF_ERROR
    return nil
  }
}
