extension MCAPScanner {
  /// Where a message is.
  private struct Entry {
    var time: UInt64
    /// Offset of the chunk, or of the message's own record outside of any.
    var chunk: UInt64
    /// Index of the message in the chunk.
    var index: UInt32
    /// Number of the message in its channel.
    var sequence: UInt32
    var rank: UInt8
  }

  /// Messages of a file, at most; 32 bytes of memory each.
  static let mostSorted = 20_000_000

  /// Scans with the messages by log time, whatever their order in the file: a writer may sort them by channel, or not at
  /// all. Other events come first, the end of the file last.
  ///
  /// - Parameter rank: the order of a channel's messages among those of the same log time; those of the same rank follow
  ///   their sequence numbers, then the order of the file. Called after the channel's event.
  public func scanByTime(
    rank: (_ channel: UInt16) -> UInt8, _ visit: (Event) throws -> Decision
  ) throws {
    var entries: [Entry] = []
    var (chunk, index) = (UInt64.max, UInt32(0))
    var decision = Decision.goOn
    var (hasEnd, isTooMany) = (false, false)
    try scan { event in
      switch event {
      case .message(let message, let offset):
        if offset != chunk { (chunk, index) = (offset, 0) }
        guard entries.count < Self.mostSorted else {
          isTooMany = true
          return .stop
        }
        entries.append(
          Entry(
            time: message.logTime, chunk: offset, index: index, sequence: message.sequence,
            rank: rank(message.channelID)))
        index += 1
      case .end: hasEnd = true
      default: decision = try visit(event)
      }
      return decision
    }
    guard !isTooMany else {
      throw MCAPError(at: nil, "more than \(Self.mostSorted) messages in another order than that of time")
    }
    guard decision == .goOn else { return }
    entries.sort {
      ($0.time, $0.rank, $0.sequence, $0.chunk, $0.index) < (
        $1.time, $1.rank, $1.sequence, $1.chunk, $1.index
      )
    }
    guard try visitSorted(entries, visit) == .goOn, hasEnd else { return }
    _ = try visit(.end)
  }

  /// Messages of a chunk in memory, and how many of them are still to come.
  private struct OpenChunk {
    var bytes: [UInt8]
    var messages: [Range<Int>]
    var left: Int
  }

  private func visitSorted(_ entries: [Entry], _ visit: (Event) throws -> Decision) throws -> Decision {
    var counts: [UInt64: Int] = [:]
    for entry in entries { counts[entry.chunk, default: 0] += 1 }
    var open: [UInt64: OpenChunk] = [:]
    var size: UInt64 = 0
    for entry in entries {
      if open[entry.chunk] == nil {
        let loaded = try messages(at: entry.chunk)
        size += UInt64(loaded.bytes.count)
        guard size <= limits.openChunks else {
          throw MCAPError(
            at: entry.chunk,
            "its chunks overlap in time by more than \(limits.openChunks >> 20) MiB; sort the file with 'mcap sort'"
          )
        }
        open[entry.chunk] = OpenChunk(
          bytes: loaded.bytes, messages: loaded.messages, left: counts[entry.chunk] ?? 0)
      }
      guard let chunk = open[entry.chunk], chunk.messages.indices.contains(Int(entry.index)) else { continue }
      let decision = try chunk.bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(
          UnsafeRawBufferPointer(rebasing: bytes[chunk.messages[Int(entry.index)]]), at: entry.chunk)
        return try visit(.message(MCAPMessage(&reader), chunk: entry.chunk))
      }
      guard decision == .goOn else { return .stop }
      open[entry.chunk]?.left -= 1
      if chunk.left == 1 {
        size -= UInt64(chunk.bytes.count)
        open[entry.chunk] = nil
      }
    }
    return .goOn
  }

  /// Reads the messages of a chunk, or the one of a message record.
  private func messages(at offset: UInt64) throws -> (bytes: [UInt8], messages: [Range<Int>]) {
    let head = try input.read(at: offset, count: MCAPFormat.recordHeader)
    guard head.count == MCAPFormat.recordHeader else {
      throw MCAPError(at: offset, "the file became shorter")
    }
    let length = head[1...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let start = offset + UInt64(MCAPFormat.recordHeader)
    let body = try input.read(at: start, count: Int(clamping: length))
    guard head[0] == MCAPOpcode.chunk.rawValue else { return (body, [0..<body.count]) }
    let bytes = try body.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, at: start)
      let chunk = try MCAPChunk(&reader)
      return try chunk.inflate(reader.take(chunk.storedSize), at: offset, limits)
    }
    var messages: [Range<Int>] = []
    var place = 0
    try bytes.withUnsafeBytes { all in
      try forEachRecord(in: all, chunk: offset) { opcode, reader in
        let body = (place + MCAPFormat.recordHeader)..<(place + MCAPFormat.recordHeader + reader.remaining)
        place = body.upperBound
        // As `scan` counts them: one that ends in its head is a fault there.
        if opcode == .message, body.count >= MCAPMessage.headerLength { messages.append(body) }
        return true
      } onFault: { _ in
      }
    }
    return (bytes, messages)
  }
}
