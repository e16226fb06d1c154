/// Records of the summary that grow with the recording: in memory while they are few, then in a nameless file, so
/// that a recording of a day needs no more memory than one of a minute.
final class IndexSpool {
  private static let memoryLimit = 1 << 16
  private var pending: [UInt8] = []
  private let makeFile: () throws(OutputError) -> any SpoolFile
  private var file: (any SpoolFile)?
  private(set) var size: UInt64 = 0

  init(_ output: any OutputFile) {
    makeFile = { () throws(OutputError) in try output.makeSpool() }
  }

  func append(_ record: [UInt8]) throws(OutputError) {
    pending += record
    size += UInt64(record.count)
    guard pending.count >= Self.memoryLimit else { return }
    let target: any SpoolFile
    if let file {
      target = file
    } else {
      target = try makeFile()
      file = target
    }
    let records = pending
    try records.span.bytes.withUnsafeBytes { bytes throws(OutputError) in try target.write(bytes) }
    pending.removeAll(keepingCapacity: true)
  }

  /// Gives everything back in order.
  func forEachBlock(_ body: (UnsafeRawBufferPointer) throws(OutputError) -> Void) throws(OutputError) {
    if let file {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.memoryLimit, alignment: 16)
      defer { buffer.deallocate() }
      var offset: UInt64 = 0
      while true {
        let count = try file.read(at: offset, into: buffer)
        if count == 0 { break }
        offset += UInt64(count)
        try body(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
      }
    }
    let records = pending
    try records.span.bytes.withUnsafeBytes { bytes throws(OutputError) in try body(bytes) }
  }
}
