import Compression

/// Reads a file from front to back, whatever state it is in: without summary, cut off, or damaged in the middle.
///
/// A record that can't be read is reported with its place, and reading goes on behind it; where a length can't be
/// believed, the next chunk is searched.
public struct MCAPScanner {
  public enum Event {
    case header(profile: String, library: String)
    case schema(MCAPSchema)
    case channel(MCAPChannel)
    /// Offset of the chunk that it is in, or its own outside of any.
    case message(MCAPMessage, chunk: UInt64)
    /// All messages of a chunk were given; the offset behind the chunk's record.
    case chunkEnd(UInt64)
    case attachment(MCAPAttachment)
    case metadata(MCAPMetadata)
    case dataEnd
    /// The whole file was there, its end mark included.
    case end
    case fault(MCAPError)
  }

  /// What `visit` says after each event.
  public enum Decision { case goOn, stop }

  /// Larger attachments are reported and skipped.
  static let largestAttachment: UInt64 = 1 << 30
  static let largestOther: UInt64 = 64 << 20

  public let input: InputFile
  let limits: MCAPLimits

  public init(_ input: InputFile, limits: MCAPLimits = MCAPLimits()) {
    self.input = input
    self.limits = limits
  }

  public func scan(_ visit: (Event) throws -> Decision) throws {
    try scanRecords { event, _ in try visit(event) }
  }

  /// Scans with the bytes of the file that each event's outermost record has.
  func scanRecords(_ visit: (Event, Range<UInt64>) throws -> Decision) throws {
    let magic = try input.read(at: 0, count: 8)
    guard magic == MCAPFormat.magic else {
      throw MCAPError(
        at: 0, input.size == 0 ? "the file is empty" : "this is no MCAP file: it does not start with its mark"
      )
    }
    var offset: UInt64 = 8
    while offset < input.size {
      let head = try input.read(at: offset, count: MCAPFormat.recordHeader)
      if offset + 8 == input.size, Array(head.prefix(8)) == MCAPFormat.magic {
        _ = try visit(.end, offset..<input.size)
        return
      }
      guard head.count == MCAPFormat.recordHeader else {
        _ = try visit(.fault(MCAPError(at: offset, "the file is cut off")), offset..<input.size)
        return
      }
      let length = head[1...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard length <= input.size - offset - UInt64(MCAPFormat.recordHeader), head[0] != 0 else {
        // Either the file is cut off here, or the length lies.
        let next = try nextChunk(after: offset)
        let problem =
          next == nil
          ? "the file is cut off in the middle of a record"
          : "a record that can't be: type \(head[0]), \(length) bytes"
        let fault = Event.fault(MCAPError(at: offset, problem))
        guard try visit(fault, offset..<(next ?? input.size)) == .goOn, let next else { return }
        offset = next
        continue
      }
      let range = offset..<(offset + UInt64(MCAPFormat.recordHeader) + length)
      do {
        let decision = try read(MCAPOpcode(rawValue: head[0]), at: offset, length) { try visit($0, range) }
        guard decision == .goOn else { return }
      } catch let fault as MCAPError {
        guard try visit(.fault(fault), range) == .goOn else { return }
      }
      offset = range.upperBound
    }
    _ = try visit(.fault(MCAPError(at: offset, "the file has no end mark")), offset..<offset)
  }

  private func read(
    _ opcode: MCAPOpcode?, at offset: UInt64, _ length: UInt64, _ visit: (Event) throws -> Decision
  ) throws -> Decision {
    let bodyOffset = offset + UInt64(MCAPFormat.recordHeader)
    func body(limit: UInt64) throws(MCAPError) -> [UInt8] {
      guard length <= limit else {
        throw MCAPError(at: offset, "a record of \(length) bytes; \(limit) are the most that is read")
      }
      return try input.read(at: bodyOffset, count: Int(length))
    }
    switch opcode {
    case .chunk:
      return try readChunk(body(limit: limits.chunk + 1024), at: offset, bodyOffset, visit)
    case .attachment:
      return try visit(.attachment(parseAttachment(body(limit: Self.largestAttachment), at: bodyOffset)))
    case .header, .schema, .channel, .message, .metadata:
      return try body(limit: Self.largestOther).withUnsafeBytes { bytes in
        var reader = ByteReader(bytes, at: bodyOffset)
        switch opcode {
        case .header:
          let profile = try reader.text()
          return try visit(.header(profile: profile, library: try reader.text()))
        case .schema: return try visit(.schema(MCAPSchema(&reader)))
        case .channel: return try visit(.channel(MCAPChannel(&reader)))
        case .metadata: return try visit(.metadata(MCAPMetadata(&reader)))
        default: return try visit(.message(MCAPMessage(&reader), chunk: offset))
        }
      }
    case .dataEnd: return try visit(.dataEnd)
    case .footer, .messageIndex, .chunkIndex, .attachmentIndex, .statistics, .metadataIndex, .summaryOffset,
      nil:
      // Indexes are for those who jump; unknown records are for others.
      return .goOn
    }
  }

  private func readChunk(
    _ body: [UInt8], at offset: UInt64, _ bodyOffset: UInt64, _ visit: (Event) throws -> Decision
  ) throws -> Decision {
    let records = try body.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: bodyOffset)
      let chunk = try MCAPChunk(&reader)
      return try chunk.inflate(reader.take(chunk.storedSize), at: offset, limits)
    }
    var decision = Decision.goOn
    try records.withUnsafeBytes { bytes in
      try forEachRecord(in: bytes, chunk: offset) { opcode, reader in
        switch opcode {
        case .schema: decision = try visit(.schema(MCAPSchema(&reader)))
        case .channel: decision = try visit(.channel(MCAPChannel(&reader)))
        case .message: decision = try visit(.message(MCAPMessage(&reader), chunk: offset))
        default: break
        }
        return decision == .goOn
      } onFault: {
        decision = try visit(.fault($0))
      }
    }
    guard decision == .goOn else { return .stop }
    return try visit(.chunkEnd(bodyOffset + UInt64(body.count)))
  }

  /// The next place where a chunk's record can begin: its own lengths must agree.
  func nextChunk(after offset: UInt64) throws(MCAPError) -> UInt64? {
    let window = 1 << 20
    let overlap = MCAPFormat.recordHeader + MCAPChunk.longestHead
    var start = offset + 1
    while start + UInt64(overlap) <= input.size {
      let bytes = try input.read(at: start, count: window + overlap)
      guard bytes.count >= overlap else { return nil }
      for place in 0...(bytes.count - overlap) where bytes[place] == MCAPOpcode.chunk.rawValue {
        let found = try bytes.span.bytes.withUnsafeBytes { all throws(MCAPError) in
          let here = start + UInt64(place)
          var reader = ByteReader(
            UnsafeRawBufferPointer(rebasing: all[(place + 1)..<(place + overlap)]), at: here)
          let length = try reader.number(UInt64.self)
          guard let chunk = try? MCAPChunk(&reader), ["", "zstd", "lz4"].contains(chunk.compression) else {
            return false
          }
          let head = UInt64(40 + chunk.compression.utf8.count)
          return chunk.uncompressedSize <= limits.chunk && chunk.startTime <= chunk.endTime
            && length >= head && chunk.storedSize == length - head
            && length <= input.size - here - UInt64(MCAPFormat.recordHeader)
        }
        if found { return start + UInt64(place) }
      }
      start += UInt64(window)
    }
    return nil
  }
}

/// Goes through the records of an inflated chunk.
///
/// - Parameter body: returns false to stop.
func forEachRecord(
  in bytes: UnsafeRawBufferPointer, chunk: UInt64,
  _ body: (MCAPOpcode?, inout ByteReader) throws -> Bool, onFault: (MCAPError) throws -> Void
) throws {
  var offset = 0
  while offset < bytes.count {
    guard bytes.count - offset >= MCAPFormat.recordHeader else {
      return try onFault(MCAPError(at: chunk, "a chunk ends in the middle of a record"))
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 1, as: UInt64.self))
    guard length <= UInt64(bytes.count - offset - MCAPFormat.recordHeader) else {
      return try onFault(MCAPError(at: chunk, "a record in a chunk is longer than the chunk"))
    }
    let start = offset + MCAPFormat.recordHeader
    var reader = ByteReader(
      UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Int(length))]), at: chunk)
    do {
      guard try body(MCAPOpcode(rawValue: bytes[offset]), &reader) else { return }
    } catch let fault as MCAPError {
      try onFault(fault)
    }
    offset = start + Int(length)
  }
}

func parseAttachment(_ body: [UInt8], at offset: UInt64) throws(MCAPError) -> MCAPAttachment {
  try body.span.bytes.withUnsafeBytes { bytes throws(MCAPError) in
    var reader = ByteReader(bytes, at: offset)
    let logTime = try reader.number(UInt64.self)
    let createTime = try reader.number(UInt64.self)
    let name = try reader.text()
    let mediaType = try reader.text()
    let size = try reader.number(UInt64.self)
    let data = try reader.take(size)
    let covered = crc32(UnsafeRawBufferPointer(rebasing: bytes[0..<reader.position]))
    let declared = try reader.number(UInt32.self)
    guard declared == 0 || declared == covered else {
      throw MCAPError(at: offset, "the checksum of the attachment '\(name)' does not fit")
    }
    return MCAPAttachment(
      logTime: logTime, createTime: createTime, name: name, mediaType: mediaType, data: Array(data))
  }
}
