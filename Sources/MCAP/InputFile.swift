import Glibc

/// Random access to a file's bytes. Not mapped: a file that shrinks while it is read must not end the process.
public final class InputFile: Sendable {
  public let path: String
  public let size: UInt64
  private let descriptor: Int32
  private let memory: [UInt8]?

  /// Bytes that are in memory already.
  public init(bytes: [UInt8], name: String) {
    path = name
    size = UInt64(bytes.count)
    descriptor = -1
    memory = bytes
  }

  public init(path: String) throws(OutputError) {
    self.path = path
    let opened = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { throw OutputError(file: path, operation: "opened", code: errno) }
    var status = stat()
    guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let code = status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL
      Glibc.close(opened)
      throw OutputError(file: path, operation: "read", code: code)
    }
    descriptor = opened
    memory = nil
    size = UInt64(max(0, status.st_size))
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// - Returns: as many of the bytes as there are.
  func read(at offset: UInt64, count: Int) throws(MCAPError) -> [UInt8] {
    let available = offset < size ? Int(min(UInt64(max(0, count)), size - offset)) : 0
    if let memory { return available > 0 ? Array(memory[Int(offset)..<(Int(offset) + available)]) : [] }
    var problem: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: available) { buffer, filled in
      while filled < available {
        let got = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, available - filled,
          Int(clamping: offset) + filled)
        if got < 0, errno == EINTR { continue }
        if got < 0 { problem = errno }
        guard got > 0 else { break }
        filled += got
      }
    }
    if problem != 0 {
      throw MCAPError(at: offset, OutputError(file: path, operation: "read", code: problem).description)
    }
    return bytes
  }
}
