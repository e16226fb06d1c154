import Compression

/// Writes an MCAP file from front to back.
///
/// Nothing is ever gone back to, so a file that was cut anywhere holds every chunk that was written whole. Schemas and
/// channels stand outside the chunks: a chunk that is lost takes only its own messages along.
public final class MCAPWriter {
  public struct Options: Sendable {
    public var profile = ""
    public var library = ""
    public var compression = MCAPCompression.zstandard(level: 1)
    /// A chunk is closed when it holds this many bytes.
    public var chunkSize = 1 << 20
    /// A checksum of everything up to the summary, besides those of chunks and attachments. Costs as much again as
    /// theirs, and says nothing of a file that was cut.
    public var hasDataChecksum = false
    /// The parts that the file has.
    package var layout = MCAPLayout()

    public init() {}
  }

  private let output: any OutputFile
  private let options: Options
  private let layout: MCAPLayout
  /// 0 without chunks: each message is written at once.
  private let chunkSize: Int
  private let zstandard: ZstandardCompressor?
  private var schemas: [MCAPSchema] = []
  private var channels: [MCAPChannel] = []
  private var streams: [Stream] = []
  private var statistics = MCAPStatistics()
  private let chunkIndexes: IndexSpool
  private var attachmentIndexes: [MCAPAttachmentIndex] = []
  private var metadataIndexes: [MCAPMetadataIndex] = []

  private let chunk: GrowingBuffer
  private var compressed: [UInt8] = []
  private var times = Times()
  /// Of all messages that were written.
  private var range = Times()

  /// What changes of a channel with each message.
  private struct Stream {
    var sequence: UInt32 = 0
    var count: UInt64 = 0
    /// Log time and offset of each message of the open chunk.
    var entries: ContiguousArray<UInt64> = []

    /// - Returns: the message's number.
    mutating func add(_ given: UInt32?, logTime: UInt64, offset: UInt64) -> UInt32 {
      let number = given ?? sequence
      sequence = number &+ 1
      count += 1
      entries.append(logTime.littleEndian)
      entries.append(offset.littleEndian)
      return number
    }
  }

  /// Of the open chunk.
  private struct Times {
    var start = UInt64.max
    var end: UInt64 = 0

    mutating func add(_ time: UInt64) {
      start = min(start, time)
      end = max(end, time)
    }

    var isEmpty: Bool { start > end }
  }

  /// Bytes in the file.
  public private(set) var size: UInt64 = 0
  /// Bytes up to the end of the last record that was written whole.
  private var wholeSize: UInt64 = 0
  private var dataCRC: UInt32 = 0
  private var isFinished = false

  /// - Throws: when the head of the file can't be written.
  public init(_ output: any OutputFile, options: Options = Options()) throws(OutputError) {
    self.output = output
    self.options = options
    layout = options.layout
    chunkSize = layout.hasChunks ? options.chunkSize : 0
    streams = Array(repeating: Stream(), count: Int(layout.firstChannelID))
    switch options.compression {
    case .zstandard(let level):
      do { zstandard = try ZstandardCompressor(level: level) } catch {
        throw OutputError(file: "zstd", operation: "started", code: 12)
      }
    case .none, .lz4: zstandard = nil
    }
    chunkIndexes = IndexSpool(output)
    chunk = GrowingBuffer(capacity: options.chunkSize + 1 << 16)
    try append(MCAPFormat.magic)
    try append(
      layout.extended(
        ByteWriter.record(.header) {
          $0.put(options.profile)
          $0.put(options.library)
        }))
    wholeSize = size
  }

  public var messageCount: UInt64 { streams.reduce(0) { $0 + $1.count } }

  /// Bytes that wait for their chunk to be closed.
  public var pendingBytes: Int { chunk.count }

  private func append(_ bytes: [UInt8]) throws(OutputError) {
    try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in try append(bytes) }
  }

  private func append(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    try output.write(bytes)
    size += UInt64(bytes.count)
    if options.hasDataChecksum, !isFinished { dataCRC = crc32(bytes, after: dataCRC) }
  }

  /// Writes a schema or a channel.
  private func append(definition record: [UInt8]) throws(OutputError) {
    if layout.hasChunks, layout.hasDefinitionsInChunks {
      chunk.append(record.count).copyBytes(from: record)
    } else {
      try append(layout.extended(record))
      wholeSize = size
    }
  }

  /// - Returns: its number; the id that the schema has is not used.
  public func add(_ schema: MCAPSchema) throws(OutputError) -> UInt16 {
    var schema = schema
    schema.id = UInt16(schemas.count + 1)
    try append(definition: schema.record)
    schemas.append(schema)
    statistics.schemaCount += 1
    return schema.id
  }

  /// - Returns: its number; the id that the channel has is not used.
  public func add(_ channel: MCAPChannel) throws(OutputError) -> UInt16 {
    var channel = channel
    channel.id = UInt16(streams.count)
    try append(definition: channel.record)
    channels.append(channel)
    streams.append(Stream())
    statistics.channelCount += 1
    return channel.id
  }

  /// Adds a message whose bytes `fill` writes in place.
  ///
  /// - Parameters:
  ///   - sequence: the channel's next number when nil.
  ///   - count: bytes of the message.
  public func write(
    channel: UInt16, sequence: UInt32? = nil, logTime: UInt64, publishTime: UInt64, count: Int,
    _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(OutputError) {
    let number = streams[Int(channel)].add(sequence, logTime: logTime, offset: UInt64(chunk.count))
    let length = MCAPMessage.headerLength + count
    let record = chunk.append(MCAPFormat.recordHeader + length)
    record[0] = MCAPOpcode.message.rawValue
    record.storeBytes(of: UInt64(length).littleEndian, toByteOffset: 1, as: UInt64.self)
    record.storeBytes(of: channel.littleEndian, toByteOffset: 9, as: UInt16.self)
    record.storeBytes(of: number.littleEndian, toByteOffset: 11, as: UInt32.self)
    record.storeBytes(of: logTime.littleEndian, toByteOffset: 15, as: UInt64.self)
    record.storeBytes(of: publishTime.littleEndian, toByteOffset: 23, as: UInt64.self)
    fill(UnsafeMutableRawBufferPointer(rebasing: record[31...]))
    times.add(logTime)
    if chunk.count >= chunkSize { try closeChunk() }
  }

  public func write(
    channel: UInt16, sequence: UInt32? = nil, logTime: UInt64, publishTime: UInt64,
    data: UnsafeRawBufferPointer
  ) throws(OutputError) {
    try write(
      channel: channel, sequence: sequence, logTime: logTime, publishTime: publishTime, count: data.count
    ) { $0.copyMemory(from: data) }
  }

  /// Writes out what waits.
  public func closeChunk() throws(OutputError) {
    guard chunk.count > 0 else { return }
    guard layout.hasChunks else {
      try append(chunk.bytes)
      return startChunk()
    }
    compressed.removeAll(keepingCapacity: true)
    var compression = options.compression.name
    let bytes = chunk.bytes
    var isSmaller = false
    // Without memory for the library the bytes go in as they are.
    do throws(CompressionError) {
      switch options.compression {
      case .none: break
      case .lz4: try deflateLZ4(bytes, into: &compressed)
      case .zstandard: try zstandard?.compress(bytes, into: &compressed)
      }
      isSmaller = !compressed.isEmpty && compressed.count < bytes.count
    } catch {}
    if !isSmaller { compression = "" }
    let stored = isSmaller ? compressed.count : chunk.count
    let checksum = crc32(bytes)

    // A chunk without messages has no times; the format requires 0 then.
    let (startTime, endTime) = times.isEmpty ? (0, 0) : (times.start, times.end)
    var head = ByteWriter()
    head.put(MCAPOpcode.chunk.rawValue)
    head.put(UInt64(8 + 8 + 8 + 4 + 4 + compression.utf8.count + 8 + stored))
    head.put(startTime)
    head.put(endTime)
    head.put(UInt64(chunk.count))
    head.put(checksum)
    head.put(compression)
    head.put(UInt64(stored))
    let offset = size
    try append(head.bytes)
    if isSmaller { try append(compressed) } else { try append(bytes) }

    var index = MCAPChunkIndex()
    index.startTime = startTime
    index.endTime = endTime
    index.offset = offset
    index.length = size - offset
    index.compression = compression
    index.compressedSize = UInt64(stored)
    index.uncompressedSize = UInt64(chunk.count)
    if layout.hasMessageIndexes { try appendMessageIndexes(to: &index) }
    if layout.hasChunkIndexes { try chunkIndexes.append(layout.extended(index.record)) }
    statistics.chunkCount += 1
    startChunk()
  }

  /// Goes on with an empty chunk after one that was written.
  private func startChunk() {
    wholeSize = size
    if !times.isEmpty {
      range.add(times.start)
      range.add(times.end)
    }
    discardChunk()
  }

  private func discardChunk() {
    chunk.removeAll()
    times = Times()
    for channel in streams.indices { streams[channel].entries.removeAll(keepingCapacity: true) }
  }

  /// Writes the message indexes of the chunk that was just written.
  private func appendMessageIndexes(to index: inout MCAPChunkIndex) throws(OutputError) {
    var indexes = ByteWriter()
    for channel in streams.indices where !streams[channel].entries.isEmpty {
      index.indexOffsets[UInt16(channel)] = size + UInt64(indexes.bytes.count)
      indexes.put(MCAPOpcode.messageIndex.rawValue)
      let length = streams[channel].entries.count * 8
      indexes.put(UInt64(6 + length + layout.extraData.count))
      indexes.put(UInt16(channel))
      indexes.put(UInt32(length))
      streams[channel].entries.withUnsafeBytes { indexes.bytes.append(contentsOf: $0) }
      indexes.bytes += layout.extraData
    }
    index.indexLength = UInt64(indexes.bytes.count)
    try append(indexes.bytes)
  }

  public func write(_ attachment: MCAPAttachment) throws(OutputError) {
    let fields = ByteWriter.record(.attachment) {
      $0.put(attachment.logTime)
      $0.put(attachment.createTime)
      $0.put(attachment.name)
      $0.put(attachment.mediaType)
      $0.put(UInt64(attachment.data.count))
      $0.bytes += attachment.data
      let checksum = $0.bytes[MCAPFormat.recordHeader...].withUnsafeBytes { crc32($0) }
      $0.put(checksum)
    }
    let record = layout.extended(fields)
    let offset = size
    try append(record)
    wholeSize = size
    attachmentIndexes.append(
      MCAPAttachmentIndex(
        offset: offset, length: UInt64(record.count), logTime: attachment.logTime,
        createTime: attachment.createTime, dataSize: UInt64(attachment.data.count), name: attachment.name,
        mediaType: attachment.mediaType))
    statistics.attachmentCount += 1
  }

  public func write(_ metadata: MCAPMetadata) throws(OutputError) {
    let record = layout.extended(metadata.record)
    let offset = size
    try append(record)
    wholeSize = size
    metadataIndexes.append(
      MCAPMetadataIndex(offset: offset, length: UInt64(record.count), name: metadata.name))
    statistics.metadataCount += 1
  }

  /// What was written outlives a loss of power; messages of the open chunk are not written yet.
  public func sync() throws(OutputError) { try output.sync() }

  /// Cuts off what a failed write left behind, down to the last whole record; messages of the open chunk are dropped.
  ///
  /// - Parameter smallest: bytes that are kept in any case.
  public func cut(to smallest: UInt64) throws(OutputError) {
    let end = max(smallest, wholeSize)
    try output.truncate(to: end)
    size = end
    // The checksum of the data section can't be wound back; 0 says that there is none.
    dataCRC = 0
    isCut = true
    for index in streams.indices { streams[index].count -= UInt64(streams[index].entries.count / 2) }
    discardChunk()
  }

  private var isCut = false

  /// Closes the last chunk, writes the summary and closes the file.
  public func finish() throws(OutputError) {
    guard !isFinished else { return }
    try closeChunk()
    isFinished = true
    let checksum = isCut ? 0 : dataCRC
    try append(ByteWriter.record(.dataEnd) { $0.put(checksum) })

    let summaryStart = size
    var summaryCRC: UInt32 = 0
    var groups: [(opcode: MCAPOpcode, start: UInt64, length: UInt64)] = []
    func put(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
      summaryCRC = crc32(bytes, after: summaryCRC)
      try append(bytes)
    }
    func put(_ bytes: [UInt8]) throws(OutputError) {
      try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in try put(bytes) }
    }
    func group(_ opcode: MCAPOpcode, _ records: [[UInt8]]) throws(OutputError) {
      guard !records.isEmpty else { return }
      let start = size
      for record in records { try put(layout.extended(record)) }
      groups.append((opcode, start, size - start))
    }
    if layout.hasRepeatedSchemas { try group(.schema, schemas.map(\.record)) }
    if layout.hasRepeatedChannels { try group(.channel, channels.map(\.record)) }
    statistics.messageCount = messageCount
    if !range.isEmpty { (statistics.startTime, statistics.endTime) = (range.start, range.end) }
    for (channel, stream) in streams.enumerated() where stream.count > 0 {
      statistics.channelMessageCounts[UInt16(channel)] = stream.count
    }
    if layout.hasStatistics { try group(.statistics, [statistics.record]) }
    let start = size
    try chunkIndexes.forEachBlock { block throws(OutputError) in try put(block) }
    if size > start { groups.append((.chunkIndex, start, size - start)) }
    if layout.hasAttachmentIndexes { try group(.attachmentIndex, attachmentIndexes.map(\.record)) }
    if layout.hasMetadataIndexes { try group(.metadataIndex, metadataIndexes.map(\.record)) }

    let hasSummary = size > summaryStart
    let offsetStart = layout.hasSummaryOffsets && hasSummary ? size : 0
    for (opcode, start, length) in groups where layout.hasSummaryOffsets {
      try put(
        layout.extended(
          ByteWriter.record(.summaryOffset) {
            $0.put(opcode.rawValue)
            $0.put(start)
            $0.put(length)
          }))
    }
    var footer = ByteWriter()
    footer.put(MCAPOpcode.footer.rawValue)
    footer.put(UInt64(MCAPFormat.footerLength))
    footer.put(hasSummary ? summaryStart : 0)
    footer.put(offsetStart)
    try put(footer.bytes)
    var end = ByteWriter()
    end.put(summaryCRC)
    try append(end.bytes)
    try append(MCAPFormat.magic)
    try output.sync()
    try output.close()
  }
}
