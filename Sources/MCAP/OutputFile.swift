import Glibc

/// Where a log is written; tests put one here that fails when they want.
public protocol OutputFile: AnyObject {
  /// Appends all of the bytes, or throws having appended some.
  func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError)
  /// Returns when what was written outlives a loss of power.
  func sync() throws(OutputError)
  /// Cuts the file to its first bytes.
  func truncate(to size: UInt64) throws(OutputError)
  func close() throws(OutputError)
  /// A nameless file in the same place, for an index that grows with the recording.
  func makeSpool() throws(OutputError) -> any SpoolFile
}

/// Bytes that are put away and read back once.
public protocol SpoolFile: AnyObject {
  func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError)
  /// - Returns: bytes read; 0 at the end.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(OutputError) -> Int
}

public struct OutputError: Error, Sendable, CustomStringConvertible {
  public var file: String
  public var operation: String
  /// errno.
  public var code: Int32

  public init(file: String, operation: String, code: Int32) {
    self.file = file
    self.operation = operation
    self.code = code
  }

  public var isFull: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

  public var description: String {
    var text = [CChar](repeating: 0, count: 128)
    _ = strerror_r(code, &text, text.count)
    let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(file) can't be \(operation): \(words)"
  }
}

/// A file of the file system.
public final class DiskFile: OutputFile {
  public let path: String
  private var descriptor: Int32

  /// Makes the file, readable by its owner alone: recordings hold pictures and sound. One that is there is an error, so
  /// that no recording is lost to a typing mistake.
  public init(creating path: String) throws(OutputError) {
    self.path = path
    descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw OutputError(file: path, operation: "created", code: errno) }
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  public func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    try writeAll(descriptor, bytes, path)
  }

  public func sync() throws(OutputError) {
    guard fdatasync(descriptor) == 0 else { throw OutputError(file: path, operation: "synced", code: errno) }
  }

  public func truncate(to size: UInt64) throws(OutputError) {
    guard ftruncate(descriptor, Int(clamping: size)) == 0,
      lseek(descriptor, Int(clamping: size), SEEK_SET) >= 0
    else { throw OutputError(file: path, operation: "cut", code: errno) }
  }

  public func close() throws(OutputError) {
    guard descriptor >= 0 else { return }
    let result = Glibc.close(descriptor)
    descriptor = -1
    guard result == 0 else { throw OutputError(file: path, operation: "closed", code: errno) }
  }

  public func makeSpool() throws(OutputError) -> any SpoolFile { try DiskSpool(beside: path) }
}

/// A file without a name: gone when the process is, whatever ends it.
private final class DiskSpool: SpoolFile {
  private let descriptor: Int32
  private let place: String

  init(beside path: String) throws(OutputError) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    place = folder.isEmpty ? "/" : folder
    // O_TMPFILE of <fcntl.h>, which Swift does not import: __O_TMPFILE | O_DIRECTORY.
    let nameless: Int32 = 0o20000000 | O_DIRECTORY
    var opened = Glibc.open(place, nameless | O_RDWR | O_CLOEXEC, 0o600)
    if opened < 0 {
      // Some file systems have no nameless files: a name that is taken away at once does the same.
      var template = Array((path + ".XXXXXX").utf8CString)
      opened = mkstemp(&template)
      if opened >= 0 { unlink(template) }
    }
    guard opened >= 0 else { throw OutputError(file: place, operation: "given an index", code: errno) }
    descriptor = opened
  }

  deinit { Glibc.close(descriptor) }

  func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) { try writeAll(descriptor, bytes, place) }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(OutputError) -> Int {
    let count = pread(descriptor, buffer.baseAddress, buffer.count, Int(clamping: offset))
    guard count >= 0 else { throw OutputError(file: place, operation: "read back", code: errno) }
    return count
  }
}

private func writeAll(
  _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ file: String
) throws(OutputError) {
  var done = 0
  while done < bytes.count {
    let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
    if count < 0, errno == EINTR { continue }
    guard count > 0 else {
      throw OutputError(file: file, operation: "written", code: count == 0 ? ENOSPC : errno)
    }
    done += count
  }
}
