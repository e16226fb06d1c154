extension MCAPScanner {
  /// Gives all attachments, in the order of the file, wherever the writer put them.
  ///
  /// They are found through the summary, else by the headers of the file's records; chunks are not read. Damaged ones are
  /// left out: `scan` reports them.
  public func readAttachments(_ body: (MCAPAttachment) throws -> Void) throws {
    guard try input.read(at: 0, count: MCAPFormat.magic.count) == MCAPFormat.magic else { return }
    // An index that names other records is not believed.
    if let listed = MCAPFile.listedAttachments(input), listed.allSatisfy(isAttachment) {
      for index in listed.sorted(by: { $0.offset < $1.offset }) {
        guard let found = try? attachment(at: index.offset, length: index.length) else { continue }
        try body(found)
      }
      return
    }
    try forEachHeader { opcode, range in
      guard opcode == .attachment,
        let found = try? attachment(at: range.lowerBound, length: UInt64(range.count))
      else { return }
      try body(found)
    }
  }

  private func isAttachment(_ index: MCAPAttachmentIndex) -> Bool {
    guard let head = try? input.read(at: index.offset, count: MCAPFormat.recordHeader),
      head.count == MCAPFormat.recordHeader, head[0] == MCAPOpcode.attachment.rawValue
    else { return false }
    let length = head[1...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return index.length == length &+ UInt64(MCAPFormat.recordHeader)
  }

  /// Reads the attachment of the record at an offset.
  func attachment(at offset: UInt64, length: UInt64) throws(MCAPError) -> MCAPAttachment {
    guard length >= UInt64(MCAPFormat.recordHeader), length <= Self.largestAttachment else {
      throw MCAPError(at: offset, "an attachment of \(length) bytes")
    }
    let record = try input.read(at: offset, count: Int(length))
    guard record.count == Int(length), record[0] == MCAPOpcode.attachment.rawValue else {
      throw MCAPError(at: offset, "the index names an attachment where there is none")
    }
    return try parseAttachment(
      Array(record[MCAPFormat.recordHeader...]), at: offset + UInt64(MCAPFormat.recordHeader))
  }

  /// Visits the records outside of chunks, without their contents, and skips damaged ones.
  private func forEachHeader(_ body: (MCAPOpcode?, Range<UInt64>) throws -> Void) throws {
    var offset = UInt64(MCAPFormat.magic.count)
    while offset < input.size {
      let head = try input.read(at: offset, count: MCAPFormat.recordHeader)
      guard head.count == MCAPFormat.recordHeader else { return }
      let length = head[1...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard length <= input.size - offset - UInt64(MCAPFormat.recordHeader), head[0] != 0 else {
        guard let next = try nextChunk(after: offset) else { return }
        offset = next
        continue
      }
      let end = offset + UInt64(MCAPFormat.recordHeader) + length
      let opcode = MCAPOpcode(rawValue: head[0])
      // Behind the data there are indexes only.
      if opcode == .dataEnd { return }
      try body(opcode, offset..<end)
      offset = end
    }
  }
}
