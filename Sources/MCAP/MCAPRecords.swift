/// What the messages of a channel look like.
public struct MCAPSchema: Sendable, Hashable {
  public var id: UInt16
  public var name: String
  public var encoding: String
  public var data: [UInt8]

  public init(id: UInt16 = 0, name: String, encoding: String, data: [UInt8]) {
    self.id = id
    self.name = name
    self.encoding = encoding
    self.data = data
  }

  var record: [UInt8] {
    ByteWriter.record(.schema) {
      $0.put(id)
      $0.put(name)
      $0.put(encoding)
      $0.put(UInt32(data.count))
      $0.bytes += data
    }
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    id = try reader.number()
    name = try reader.text()
    encoding = try reader.text()
    let count = try reader.number(UInt32.self)
    data = Array(try reader.take(UInt64(count)))
  }
}

/// A stream of messages of one kind.
public struct MCAPChannel: Sendable, Hashable {
  public var id: UInt16
  /// 0 for none.
  public var schemaID: UInt16
  public var topic: String
  public var messageEncoding: String
  public var metadata: [String: String]

  public init(
    id: UInt16 = 0, schemaID: UInt16, topic: String, messageEncoding: String, metadata: [String: String] = [:]
  ) {
    self.id = id
    self.schemaID = schemaID
    self.topic = topic
    self.messageEncoding = messageEncoding
    self.metadata = metadata
  }

  var record: [UInt8] {
    ByteWriter.record(.channel) {
      $0.put(id)
      $0.put(schemaID)
      $0.put(topic)
      $0.put(messageEncoding)
      $0.put(metadata)
    }
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    id = try reader.number()
    schemaID = try reader.number()
    topic = try reader.text()
    messageEncoding = try reader.text()
    metadata = try reader.map()
  }
}

/// One message. `data` is valid while the reader that gave it stands on it.
public struct MCAPMessage {
  public var channelID: UInt16
  public var sequence: UInt32
  /// ns.
  public var logTime: UInt64
  public var publishTime: UInt64
  public var data: UnsafeRawBufferPointer

  /// Bytes of a message record before its data.
  static let headerLength = 22

  init(_ reader: inout ByteReader) throws(MCAPError) {
    channelID = try reader.number()
    sequence = try reader.number()
    logTime = try reader.number()
    publishTime = try reader.number()
    data = reader.rest()
  }
}

/// A file inside the file.
public struct MCAPAttachment: Sendable, Hashable {
  public var logTime: UInt64
  public var createTime: UInt64
  public var name: String
  public var mediaType: String
  public var data: [UInt8]

  public init(
    logTime: UInt64, createTime: UInt64 = 0, name: String, mediaType: String, data: [UInt8]
  ) {
    self.logTime = logTime
    self.createTime = createTime
    self.name = name
    self.mediaType = mediaType
    self.data = data
  }
}

/// Texts by name.
public struct MCAPMetadata: Sendable, Hashable {
  public var name: String
  public var values: [String: String]

  public init(name: String, values: [String: String]) {
    self.name = name
    self.values = values
  }

  var record: [UInt8] {
    ByteWriter.record(.metadata) {
      $0.put(name)
      $0.put(values)
    }
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    name = try reader.text()
    values = try reader.map()
  }
}

public struct MCAPChunkIndex: Sendable, Hashable {
  /// ns.
  public var startTime: UInt64 = 0
  public var endTime: UInt64 = 0
  /// Offset of the chunk's record in the file.
  public var offset: UInt64 = 0
  /// Bytes of the chunk's record, opcode and length included.
  public var length: UInt64 = 0
  /// Offset of each channel's message index in the file; empty when the file has none.
  public var indexOffsets: [UInt16: UInt64] = [:]
  public var indexLength: UInt64 = 0
  public var compression = ""
  public var compressedSize: UInt64 = 0
  public var uncompressedSize: UInt64 = 0

  init() {}

  var record: [UInt8] {
    ByteWriter.record(.chunkIndex) {
      $0.put(startTime)
      $0.put(endTime)
      $0.put(offset)
      $0.put(length)
      $0.put(UInt32(indexOffsets.count * 10))
      for (channel, offset) in indexOffsets.sorted(by: { $0.key < $1.key }) {
        $0.put(channel)
        $0.put(offset)
      }
      $0.put(indexLength)
      $0.put(compression)
      $0.put(compressedSize)
      $0.put(uncompressedSize)
    }
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    startTime = try reader.number()
    endTime = try reader.number()
    offset = try reader.number()
    length = try reader.number()
    let count = try reader.number(UInt32.self)
    guard count % 10 == 0 else { throw reader.fault("a map of message indexes has \(count) bytes") }
    indexOffsets = [:]
    for _ in 0..<min(count / 10, UInt32(clamping: reader.remaining / 10)) {
      let channel = try reader.number(UInt16.self)
      indexOffsets[channel] = try reader.number()
    }
    indexLength = try reader.number()
    compression = try reader.text()
    compressedSize = try reader.number()
    uncompressedSize = try reader.number()
  }
}

public struct MCAPAttachmentIndex: Sendable, Hashable {
  public var offset: UInt64
  public var length: UInt64
  public var logTime: UInt64
  public var createTime: UInt64
  public var dataSize: UInt64
  public var name: String
  public var mediaType: String

  var record: [UInt8] {
    ByteWriter.record(.attachmentIndex) {
      $0.put(offset)
      $0.put(length)
      $0.put(logTime)
      $0.put(createTime)
      $0.put(dataSize)
      $0.put(name)
      $0.put(mediaType)
    }
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    offset = try reader.number()
    length = try reader.number()
    logTime = try reader.number()
    createTime = try reader.number()
    dataSize = try reader.number()
    name = try reader.text()
    mediaType = try reader.text()
  }

  init(
    offset: UInt64, length: UInt64, logTime: UInt64, createTime: UInt64, dataSize: UInt64, name: String,
    mediaType: String
  ) {
    self.offset = offset
    self.length = length
    self.logTime = logTime
    self.createTime = createTime
    self.dataSize = dataSize
    self.name = name
    self.mediaType = mediaType
  }
}

public struct MCAPMetadataIndex: Sendable, Hashable {
  public var offset: UInt64
  public var length: UInt64
  public var name: String

  var record: [UInt8] {
    ByteWriter.record(.metadataIndex) {
      $0.put(offset)
      $0.put(length)
      $0.put(name)
    }
  }

  init(offset: UInt64, length: UInt64, name: String) {
    self.offset = offset
    self.length = length
    self.name = name
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    offset = try reader.number()
    length = try reader.number()
    name = try reader.text()
  }
}

public struct MCAPStatistics: Sendable, Hashable {
  public var messageCount: UInt64 = 0
  public var schemaCount: UInt16 = 0
  public var channelCount: UInt32 = 0
  public var attachmentCount: UInt32 = 0
  public var metadataCount: UInt32 = 0
  public var chunkCount: UInt32 = 0
  public var startTime: UInt64 = 0
  public var endTime: UInt64 = 0
  public var channelMessageCounts: [UInt16: UInt64] = [:]

  init() {}

  var record: [UInt8] {
    ByteWriter.record(.statistics) {
      $0.put(messageCount)
      $0.put(schemaCount)
      $0.put(channelCount)
      $0.put(attachmentCount)
      $0.put(metadataCount)
      $0.put(chunkCount)
      $0.put(startTime)
      $0.put(endTime)
      $0.put(UInt32(channelMessageCounts.count * 10))
      for (channel, count) in channelMessageCounts.sorted(by: { $0.key < $1.key }) {
        $0.put(channel)
        $0.put(count)
      }
    }
  }

  init(_ reader: inout ByteReader) throws(MCAPError) {
    messageCount = try reader.number()
    schemaCount = try reader.number()
    channelCount = try reader.number()
    attachmentCount = try reader.number()
    metadataCount = try reader.number()
    chunkCount = try reader.number()
    startTime = try reader.number()
    endTime = try reader.number()
    let count = try reader.number(UInt32.self)
    for _ in 0..<min(count / 10, UInt32(clamping: reader.remaining / 10)) {
      let channel = try reader.number(UInt16.self)
      channelMessageCounts[channel] = try reader.number()
    }
  }
}
