import Compression
import Diagnostics

/// A file read by its index: what it holds without reading it, and messages by time and channel.
///
/// Without a complete and intact summary, the index is made by reading the file once. The format leaves the summary and each
/// of its parts to the writer: `faults` holds damage, not their absence.
public struct MCAPFile {
  public let input: InputFile
  public let limits: MCAPLimits
  public private(set) var profile = ""
  public private(set) var library = ""
  public private(set) var schemas: [UInt16: MCAPSchema] = [:]
  public private(set) var channels: [UInt16: MCAPChannel] = [:]
  public private(set) var statistics = MCAPStatistics()
  public private(set) var chunks: [MCAPChunkIndex] = []
  public private(set) var attachments: [MCAPAttachmentIndex] = []
  public private(set) var metadata: [MCAPMetadataIndex] = []
  /// Why the file is not as it was meant.
  public private(set) var faults: [MCAPError] = []
  /// The file had its summary.
  public private(set) var isIndexed = false
  /// The file has its footer and its end mark.
  public private(set) var isFinished = false

  static let largestSummary: UInt64 = 1 << 30

  public init(_ input: InputFile, limits: MCAPLimits = MCAPLimits()) throws(MCAPError) {
    self.input = input
    self.limits = limits
    let head = try input.read(at: 0, count: 1 << 16)
    guard head.starts(with: MCAPFormat.magic) else {
      throw MCAPError(
        at: 0, input.size == 0 ? "the file is empty" : "this is no MCAP file: it does not start with its mark"
      )
    }
    head.withUnsafeBytes { bytes in
      guard bytes.count > 17, bytes[8] == MCAPOpcode.header.rawValue else { return }
      var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[17...]), at: 17)
      profile = (try? reader.text()) ?? ""
      library = (try? reader.text()) ?? ""
    }
    do throws(MCAPError) { isIndexed = try readSummary() } catch { faults.append(error) }
    if !isIndexed { try rebuild() }
  }

  /// Reads the summary alone.
  private init(summaryOf input: InputFile) throws(MCAPError) {
    self.input = input
    limits = MCAPLimits()
    isIndexed = try readSummary()
  }

  /// Returns the attachments that the summary lists; nil when it does not list all, or is damaged.
  static func listedAttachments(_ input: InputFile) -> [MCAPAttachmentIndex]? {
    guard let file = try? MCAPFile(summaryOf: input), file.isIndexed else { return nil }
    return file.attachments
  }

  /// - Returns: false when the file has no summary, or one without an optional part.
  private mutating func readSummary() throws(MCAPError) -> Bool {
    guard input.size >= UInt64(8 + MCAPFormat.endLength) else {
      throw MCAPError(at: nil, "the file is cut off")
    }
    let endOffset = input.size - UInt64(MCAPFormat.endLength)
    let end = try input.read(at: endOffset, count: MCAPFormat.endLength)
    guard Array(end.suffix(8)) == MCAPFormat.magic, end[0] == MCAPOpcode.footer.rawValue else {
      throw MCAPError(at: nil, "the file was not finished: it has no end mark")
    }
    let (start, declared) = try end.span.bytes.withUnsafeBytes { bytes throws(MCAPError) in
      var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[9...]), at: endOffset + 9)
      let start = try reader.number(UInt64.self)
      _ = try reader.number(UInt64.self)
      return (start, try reader.number(UInt32.self))
    }
    isFinished = true
    guard start != 0 else { return false }
    guard start >= 8, start <= endOffset, endOffset - start <= Self.largestSummary else {
      throw MCAPError(at: endOffset, "the summary begins at \(start), which can't be")
    }
    let summary = try input.read(at: start, count: Int(endOffset - start))
    if declared != 0 {
      let body = summary.withUnsafeBytes { crc32($0) }
      let whole = end.withUnsafeBytes { crc32(UnsafeRawBufferPointer(rebasing: $0[0..<25]), after: body) }
      guard whole == declared else { throw MCAPError(at: start, "the checksum of the summary does not fit") }
    }
    var found: MCAPError?
    var hasStatistics = false
    do {
      try summary.withUnsafeBytes { bytes in
        try forEachRecord(in: bytes, chunk: start) { opcode, reader in
          switch opcode {
          case .schema:
            let schema = try MCAPSchema(&reader)
            schemas[schema.id] = schema
          case .channel:
            let channel = try MCAPChannel(&reader)
            channels[channel.id] = channel
          case .statistics:
            statistics = try MCAPStatistics(&reader)
            hasStatistics = true
          case .chunkIndex: chunks.append(try MCAPChunkIndex(&reader))
          case .attachmentIndex: attachments.append(try MCAPAttachmentIndex(&reader))
          case .metadataIndex:
            metadata.append(
              MCAPMetadataIndex(
                offset: try reader.number(), length: try reader.number(), name: try reader.text()))
          default: break
          }
          return true
        } onFault: {
          found = found ?? $0
        }
      }
    } catch {
      found = MCAPError(at: start, "the summary can't be read: \(error)")
    }
    if let found { throw found }
    return hasStatistics && listsEverything
  }

  /// Whether the summary lists everything that its statistics count.
  private var listsEverything: Bool {
    UInt32(clamping: chunks.count) == statistics.chunkCount && schemas.count >= Int(statistics.schemaCount)
      && UInt32(clamping: channels.count) >= statistics.channelCount
      && UInt32(clamping: attachments.count) >= statistics.attachmentCount
      && UInt32(clamping: metadata.count) >= statistics.metadataCount
  }

  /// Goes through the file once, without inflating more than one chunk at a time.
  private mutating func rebuild() throws(MCAPError) {
    (schemas, channels, statistics, chunks, attachments, metadata) = ([:], [:], MCAPStatistics(), [], [], [])
    var current: UInt64?
    var (low, high) = (UInt64.max, UInt64(0))
    let scanner = MCAPScanner(input, limits: limits)
    do {
      try scanner.scanRecords { event, range in
        switch event {
        case .schema(let schema): schemas[schema.id] = schema
        case .channel(let channel): channels[channel.id] = channel
        case .message(let message, let chunk):
          current = chunk
          (low, high) = (min(low, message.logTime), max(high, message.logTime))
          let isFirst = statistics.messageCount == 0
          statistics.startTime = isFirst ? message.logTime : min(statistics.startTime, message.logTime)
          statistics.endTime = max(statistics.endTime, message.logTime)
          statistics.messageCount += 1
          statistics.channelMessageCounts[message.channelID, default: 0] += 1
        case .chunkEnd(let end):
          if let offset = current {
            var index = MCAPChunkIndex()
            (index.startTime, index.endTime) = (low, high)
            (index.offset, index.length) = (offset, end - offset)
            chunks.append(index)
          }
          current = nil
          (low, high) = (.max, 0)
        case .fault(let fault): faults.append(fault)
        case .dataEnd: return .stop
        case .attachment(let attachment):
          attachments.append(
            MCAPAttachmentIndex(
              offset: range.lowerBound, length: UInt64(range.count), logTime: attachment.logTime,
              createTime: attachment.createTime, dataSize: UInt64(attachment.data.count),
              name: attachment.name, mediaType: attachment.mediaType))
        case .metadata(let entry):
          metadata.append(
            MCAPMetadataIndex(offset: range.lowerBound, length: UInt64(range.count), name: entry.name))
        case .header, .end: break
        }
        return .goOn
      }
    } catch let fault as MCAPError {
      throw fault
    } catch {
      throw MCAPError(at: nil, error.reason)
    }
    statistics.schemaCount = UInt16(clamping: schemas.count)
    statistics.channelCount = UInt32(clamping: channels.count)
    statistics.chunkCount = UInt32(clamping: chunks.count)
    statistics.attachmentCount = UInt32(clamping: attachments.count)
    statistics.metadataCount = UInt32(clamping: metadata.count)
  }

  public func attachment(_ index: MCAPAttachmentIndex) throws(MCAPError) -> MCAPAttachment {
    try MCAPScanner(input, limits: limits).attachment(at: index.offset, length: index.length)
  }

  public func metadata(_ index: MCAPMetadataIndex) throws(MCAPError) -> MCAPMetadata {
    guard index.length >= 9, index.length <= MCAPScanner.largestOther else {
      throw MCAPError(at: index.offset, "the metadata '\(index.name)' has \(index.length) bytes")
    }
    let record = try input.read(at: index.offset, count: Int(index.length))
    guard record.count == Int(index.length), record[0] == MCAPOpcode.metadata.rawValue else {
      throw MCAPError(at: index.offset, "the index names metadata where there is none")
    }
    return try record.span.bytes.withUnsafeBytes { bytes throws(MCAPError) in
      var reader = ByteReader(
        UnsafeRawBufferPointer(rebasing: bytes[MCAPFormat.recordHeader...]), at: index.offset + 9)
      return try MCAPMetadata(&reader)
    }
  }

  /// The records of one chunk.
  func records(of index: MCAPChunkIndex) throws(MCAPError) -> [UInt8] {
    guard index.length >= 9, index.length <= limits.chunk + 1024 else {
      throw MCAPError(at: index.offset, "a chunk of \(index.length) bytes")
    }
    let record = try input.read(at: index.offset, count: Int(index.length))
    guard record.count == Int(index.length), record[0] == MCAPOpcode.chunk.rawValue else {
      throw MCAPError(at: index.offset, "the index names a chunk where there is none")
    }
    return try record.span.bytes.withUnsafeBytes { bytes throws(MCAPError) in
      var reader = ByteReader(
        UnsafeRawBufferPointer(rebasing: bytes[MCAPFormat.recordHeader...]), at: index.offset + 9)
      let chunk = try MCAPChunk(&reader)
      return try chunk.inflate(reader.take(chunk.storedSize), at: index.offset, limits)
    }
  }

  /// Gives messages in the order of their log times; those of the same time, and all of a file without chunks, in the
  /// order of the file.
  ///
  /// - Parameters:
  ///   - wanted: channels; nil for all.
  ///   - times: log times, ns.
  ///   - onFault: is told of what can't be read; the rest goes on.
  public func forEachMessage(
    on wanted: Set<UInt16>? = nil, in times: ClosedRange<UInt64> = 0...UInt64.max,
    onFault: (MCAPError) throws -> Void = { _ in },
    _ body: (MCAPMessage) throws -> MCAPScanner.Decision
  ) throws {
    if chunks.isEmpty { return try forEachLooseMessage(wanted, times, onFault, body) }
    let candidates = chunks.filter { index in
      guard index.startTime <= times.upperBound, index.endTime >= times.lowerBound else { return false }
      guard let wanted, !index.indexOffsets.isEmpty else { return true }
      return index.indexOffsets.keys.contains { wanted.contains($0) }
    }.sorted { ($0.startTime, $0.offset) < ($1.startTime, $1.offset) }
    var open: [Loaded] = []
    var next = 0
    while true {
      // The chunk whose next message is the earliest; one that is not open yet may come before it.
      while next < candidates.count {
        let earliest = open.lazy.map(\.nextTime).min()
        guard earliest.map({ candidates[next].startTime <= $0 }) ?? true else { break }
        do {
          if let loaded = try Loaded(self, candidates[next], wanted, times, onFault) {
            let size = open.reduce(loaded.size) { $0 + $1.size }
            guard size <= limits.openChunks else {
              throw MCAPError(
                at: candidates[next].offset,
                "chunks whose times overlap have \(size) bytes; \(limits.openChunks) are the most that is kept"
              )
            }
            open.append(loaded)
          }
        } catch let fault as MCAPError {
          try onFault(fault)
        }
        next += 1
      }
      guard let place = open.indices.min(by: { open[$0].order < open[$1].order }) else { return }
      guard try open[place].give(body) == .goOn else { return }
      if open[place].isDone { open.remove(at: place) }
    }
  }

  /// Of a file without chunks, in the order of the file.
  private func forEachLooseMessage(
    _ wanted: Set<UInt16>?, _ times: ClosedRange<UInt64>, _ onFault: (MCAPError) throws -> Void,
    _ body: (MCAPMessage) throws -> MCAPScanner.Decision
  ) throws {
    try MCAPScanner(input, limits: limits).scan { event in
      switch event {
      case .message(let message, _):
        guard times.contains(message.logTime), wanted?.contains(message.channelID) ?? true else {
          return .goOn
        }
        return try body(message)
      case .fault(let fault): try onFault(fault)
      case .dataEnd: return .stop
      default: break
      }
      return .goOn
    }
  }

  /// A chunk in memory, and which of its messages come next.
  private struct Loaded {
    private let bytes: [UInt8]
    private let offset: UInt64
    private var entries: [(time: UInt64, place: Int)]
    private var position = 0

    init?(
      _ file: MCAPFile, _ index: MCAPChunkIndex, _ wanted: Set<UInt16>?, _ times: ClosedRange<UInt64>,
      _ onFault: (MCAPError) throws -> Void
    ) throws {
      bytes = try file.records(of: index)
      offset = index.offset
      var found: [(time: UInt64, place: Int)] = []
      var position = 0
      try bytes.withUnsafeBytes { all in
        try forEachRecord(in: all, chunk: index.offset) { opcode, reader in
          let place = position
          position += MCAPFormat.recordHeader + reader.remaining
          guard opcode == .message else { return true }
          let message = try MCAPMessage(&reader)
          if times.contains(message.logTime), wanted?.contains(message.channelID) ?? true {
            found.append((message.logTime, place))
          }
          return true
        } onFault: {
          try onFault($0)
        }
      }
      found.sort { ($0.time, $0.place) < ($1.time, $1.place) }
      entries = found
      if entries.isEmpty { return nil }
    }

    var size: UInt64 { UInt64(bytes.count) }
    var nextTime: UInt64 { entries[position].time }
    var order: (UInt64, UInt64) { (nextTime, offset) }
    var isDone: Bool { position == entries.count }

    mutating func give(_ body: (MCAPMessage) throws -> MCAPScanner.Decision) throws -> MCAPScanner.Decision {
      let place = entries[position].place
      position += 1
      return try bytes.withUnsafeBytes { all in
        let start = place + MCAPFormat.recordHeader
        let length = Int(all.loadUnaligned(fromByteOffset: place + 1, as: UInt64.self))
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: all[start..<(start + length)]), at: offset)
        return try body(MCAPMessage(&reader))
      }
    }
  }
}
