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

    public init() {}
  }

  private let output: any OutputFile
  private let options: Options
  private let zstandard: ZstandardCompressor?
  private var schemas: [MCAPSchema] = []
  private var channels: [MCAPChannel] = []
  private var sequences: [UInt32] = []
  private var statistics = MCAPStatistics()
  private let chunkIndexes: IndexSpool
  private var attachmentIndexes: [MCAPAttachmentIndex] = []
  private var metadataIndexes: [MCAPMetadataIndex] = []

  private var chunk: [UInt8] = []
  private var compressed: [UInt8] = []
  private var chunkStart = UInt64.max
  private var chunkEnd: UInt64 = 0
  /// Log time and offset of each message of the open chunk, by channel.
  private var entries: [[UInt8]] = []

  /// Bytes in the file.
  public private(set) var size: UInt64 = 0
  private var dataCRC: UInt32 = 0
  private var isFinished = false

  /// - Throws: when the head of the file can't be written.
  public init(_ output: any OutputFile, options: Options = Options()) throws(OutputError) {
    self.output = output
    self.options = options
    switch options.compression {
    case .zstandard(let level):
      do { zstandard = try ZstandardCompressor(level: level) } catch {
        throw OutputError(file: "zstd", operation: "started", code: 12)
      }
    case .none, .lz4: zstandard = nil
    }
    chunkIndexes = IndexSpool(output)
    chunk.reserveCapacity(options.chunkSize + 1 << 16)
    try append(MCAPFormat.magic)
    try append(
      ByteWriter.record(.header) {
        $0.put(options.profile)
        $0.put(options.library)
      })
  }

  public var messageCount: UInt64 { statistics.messageCount }

  /// Bytes that wait for their chunk to be closed.
  public var pendingBytes: Int { chunk.count }

  private func append(_ bytes: [UInt8]) throws(OutputError) {
    try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in try append(bytes) }
  }

  private func append(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    try output.write(bytes)
    size += UInt64(bytes.count)
    if !isFinished { dataCRC = crc32(bytes, after: dataCRC) }
  }

  /// - Returns: its number; the id that the schema has is not used.
  public func add(_ schema: MCAPSchema) throws(OutputError) -> UInt16 {
    var schema = schema
    schema.id = UInt16(schemas.count + 1)
    try append(schema.record)
    schemas.append(schema)
    statistics.schemaCount += 1
    return schema.id
  }

  /// - Returns: its number; the id that the channel has is not used.
  public func add(_ channel: MCAPChannel) throws(OutputError) -> UInt16 {
    var channel = channel
    channel.id = UInt16(channels.count)
    try append(channel.record)
    channels.append(channel)
    sequences.append(0)
    entries.append([])
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
    let index = Int(channel)
    let offset = UInt64(chunk.count)
    let number = sequence ?? sequences[index]
    sequences[index] = number &+ 1
    let length = MCAPMessage.headerLength + count
    chunk.append(contentsOf: repeatElement(0, count: MCAPFormat.recordHeader + length))
    chunk.withUnsafeMutableBytes { bytes in
      let record = UnsafeMutableRawBufferPointer(rebasing: bytes[Int(offset)...])
      record[0] = MCAPOpcode.message.rawValue
      record.storeBytes(of: UInt64(length).littleEndian, toByteOffset: 1, as: UInt64.self)
      record.storeBytes(of: channel.littleEndian, toByteOffset: 9, as: UInt16.self)
      record.storeBytes(of: number.littleEndian, toByteOffset: 11, as: UInt32.self)
      record.storeBytes(of: logTime.littleEndian, toByteOffset: 15, as: UInt64.self)
      record.storeBytes(of: publishTime.littleEndian, toByteOffset: 23, as: UInt64.self)
      fill(UnsafeMutableRawBufferPointer(rebasing: record[31...]))
    }
    withUnsafeBytes(of: logTime.littleEndian) { entries[index].append(contentsOf: $0) }
    withUnsafeBytes(of: offset.littleEndian) { entries[index].append(contentsOf: $0) }
    chunkStart = min(chunkStart, logTime)
    chunkEnd = max(chunkEnd, logTime)
    statistics.messageCount += 1
    statistics.channelMessageCounts[channel, default: 0] += 1
    if chunk.count >= options.chunkSize { try closeChunk() }
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
    guard !chunk.isEmpty else { return }
    compressed.removeAll(keepingCapacity: true)
    var compression = options.compression.name
    let isSmaller = chunk.withUnsafeBytes { bytes in
      do {
        switch options.compression {
        case .none: return false
        case .lz4: try deflateLZ4(bytes, into: &compressed)
        case .zstandard: try zstandard?.compress(bytes, into: &compressed)
        }
        return compressed.count < bytes.count
      } catch {
        // Without memory for the library the bytes go in as they are.
        return false
      }
    }
    if !isSmaller { compression = "" }
    let stored = isSmaller ? compressed.count : chunk.count
    let checksum = chunk.withUnsafeBytes { crc32($0) }

    var head = ByteWriter()
    head.put(MCAPOpcode.chunk.rawValue)
    head.put(UInt64(8 + 8 + 8 + 4 + 4 + compression.utf8.count + 8 + stored))
    head.put(chunkStart)
    head.put(chunkEnd)
    head.put(UInt64(chunk.count))
    head.put(checksum)
    head.put(compression)
    head.put(UInt64(stored))
    let offset = size
    try append(head.bytes)
    try append(isSmaller ? compressed : chunk)
    let length = size - offset

    var indexOffsets: [UInt16: UInt64] = [:]
    let indexStart = size
    var indexes = ByteWriter()
    for channel in entries.indices where !entries[channel].isEmpty {
      indexOffsets[UInt16(channel)] = indexStart + UInt64(indexes.bytes.count)
      indexes.put(MCAPOpcode.messageIndex.rawValue)
      indexes.put(UInt64(6 + entries[channel].count))
      indexes.put(UInt16(channel))
      indexes.put(UInt32(entries[channel].count))
      indexes.bytes += entries[channel]
      entries[channel].removeAll(keepingCapacity: true)
    }
    try append(indexes.bytes)
    try chunkIndexes.append(
      MCAPChunkIndex(
        startTime: chunkStart, endTime: chunkEnd, offset: offset, length: length, indexOffsets: indexOffsets,
        indexLength: size - indexStart, compression: compression, compressedSize: UInt64(stored),
        uncompressedSize: UInt64(chunk.count)
      ).record)
    statistics.startTime = statistics.chunkCount == 0 ? chunkStart : min(statistics.startTime, chunkStart)
    statistics.endTime = max(statistics.endTime, chunkEnd)
    statistics.chunkCount += 1
    chunk.removeAll(keepingCapacity: true)
    chunkStart = .max
    chunkEnd = 0
  }

  public func write(_ attachment: MCAPAttachment) throws(OutputError) {
    let record = ByteWriter.record(.attachment) {
      $0.put(attachment.logTime)
      $0.put(attachment.createTime)
      $0.put(attachment.name)
      $0.put(attachment.mediaType)
      $0.put(UInt64(attachment.data.count))
      $0.bytes += attachment.data
      let checksum = $0.bytes[MCAPFormat.recordHeader...].withUnsafeBytes { crc32($0) }
      $0.put(checksum)
    }
    attachmentIndexes.append(
      MCAPAttachmentIndex(
        offset: size, length: UInt64(record.count), logTime: attachment.logTime,
        createTime: attachment.createTime, dataSize: UInt64(attachment.data.count), name: attachment.name,
        mediaType: attachment.mediaType))
    statistics.attachmentCount += 1
    try append(record)
  }

  public func write(_ metadata: MCAPMetadata) throws(OutputError) {
    let record = metadata.record
    metadataIndexes.append(
      MCAPMetadataIndex(offset: size, length: UInt64(record.count), name: metadata.name))
    statistics.metadataCount += 1
    try append(record)
  }

  /// What was written outlives a loss of power; messages of the open chunk are not written yet.
  public func sync() throws(OutputError) { try output.sync() }

  /// Cuts off what a failed write left behind, down to the last whole record.
  public func cut(to wholeSize: UInt64) throws(OutputError) {
    try output.truncate(to: wholeSize)
    size = wholeSize
    // The checksum of the data section can't be wound back; 0 says that there is none.
    dataCRC = 0
    isCut = true
    chunk.removeAll()
    for index in entries.indices { entries[index].removeAll() }
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
      for record in records { try put(record) }
      groups.append((opcode, start, size - start))
    }
    try group(.schema, schemas.map(\.record))
    try group(.channel, channels.map(\.record))
    try group(.statistics, [statistics.record])
    let start = size
    try chunkIndexes.forEachBlock { block throws(OutputError) in try put(block) }
    if size > start { groups.append((.chunkIndex, start, size - start)) }
    try group(.attachmentIndex, attachmentIndexes.map(\.record))
    try group(.metadataIndex, metadataIndexes.map(\.record))

    let offsetStart = size
    for (opcode, start, length) in groups {
      try put(
        ByteWriter.record(.summaryOffset) {
          $0.put(opcode.rawValue)
          $0.put(start)
          $0.put(length)
        })
    }
    var footer = ByteWriter()
    footer.put(MCAPOpcode.footer.rawValue)
    footer.put(UInt64(MCAPFormat.footerLength))
    footer.put(summaryStart)
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
