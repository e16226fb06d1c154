import MCAP

/// The letters in the names of the conformance files, in the order of the names.
enum ConformanceFeature: String, CaseIterable {
  case attachmentIndex = "ax"
  case chunks = "ch"
  case chunkIndex = "chx"
  case metadataIndex = "mdx"
  case messageIndex = "mx"
  /// Three more bytes after the fields of each record that may be extended.
  case extraData = "pad"
  case repeatedChannels = "rch"
  case repeatedSchemas = "rsh"
  case statistics = "st"
  case summaryOffsets = "sum"
}

/// A record of a conformance file, as it is written and as it is read.
enum ConformanceRecord: Hashable {
  case header(profile: String, library: String)
  case schema(MCAPSchema)
  case channel(MCAPChannel)
  case message(ConformanceMessage)
  case attachment(MCAPAttachment)
  case metadata(MCAPMetadata)
  case dataEnd
  case end
}

struct ConformanceMessage: Hashable {
  var channelID: UInt16 = 1
  var sequence: UInt32
  var logTime: UInt64
  var publishTime: UInt64
  var data: [UInt8] = [1, 2, 3]
}

/// A file of the conformance data: the records of its case, written with its features.
struct ConformanceVariant {
  var caseName: String
  var records: [ConformanceRecord]
  var features: Set<ConformanceFeature>

  var name: String {
    let letters = ConformanceFeature.allCases.filter(features.contains).map(\.rawValue)
    return ([caseName] + letters).joined(separator: "-")
  }

  func has(_ feature: ConformanceFeature) -> Bool { features.contains(feature) }

  // MARK: Cases

  private static let schema = ConformanceRecord.schema(
    MCAPSchema(id: 1, name: "Example", encoding: "c", data: [4, 5, 6]))
  private static let channel = ConformanceRecord.channel(
    MCAPChannel(id: 1, schemaID: 1, topic: "example", messageEncoding: "a", metadata: ["foo": "bar"]))
  private static let schemalessChannel = ConformanceRecord.channel(
    MCAPChannel(id: 1, schemaID: 0, topic: "example", messageEncoding: "text"))
  private static let message = ConformanceRecord.message(
    ConformanceMessage(sequence: 10, logTime: 2, publishTime: 1))
  private static let attachment = ConformanceRecord.attachment(
    MCAPAttachment(
      logTime: 2, createTime: 1, name: "myFile", mediaType: "application/octet-stream", data: [1, 2, 3]))
  private static let metadata = ConformanceRecord.metadata(
    MCAPMetadata(name: "myMetadata", values: ["foo": "bar"]))
  /// Out of order, and two at the same time.
  private static let tenMessages = [0, 2, 1, 3, 3, 5, 4, 7, 8, 9].enumerated().map { sequence, time in
    ConformanceRecord.message(
      ConformanceMessage(sequence: UInt32(sequence), logTime: time, publishTime: time))
  }

  static let cases: [(name: String, records: [ConformanceRecord])] = [
    ("NoData", []),
    ("OneSchemalessMessage", [schemalessChannel, message]),
    ("OneMessage", [schema, channel, message]),
    ("OneAttachment", [attachment]),
    ("OneMetadata", [metadata]),
    ("TenMessages", [schema, channel] + tenMessages),
  ]

  /// All variants that make sense: every combination of features in which each feature has a record to apply to.
  static let all: [ConformanceVariant] = cases.flatMap { name, records in
    (0..<(1 << ConformanceFeature.allCases.count)).compactMap { bits in
      let features = ConformanceFeature.allCases.enumerated().filter { bits >> $0.offset & 1 == 1 }
        .map(\.element)
      let variant = ConformanceVariant(caseName: name, records: records, features: Set(features))
      return variant.makesSense ? variant : nil
    }
  }

  private var makesSense: Bool {
    let needs: [(ConformanceFeature, Bool)] = [
      (.attachmentIndex, !attachments.isEmpty), (.metadataIndex, !metadata.isEmpty),
      (.repeatedSchemas, !schemas.isEmpty), (.repeatedChannels, !channels.isEmpty),
      (.chunks, !channels.isEmpty), (.chunkIndex, has(.chunks)), (.messageIndex, has(.chunks)),
      (.summaryOffsets, hasSummary),
    ]
    return needs.allSatisfy { feature, isMet in isMet || !has(feature) }
  }

  // MARK: Content

  var schemas: [MCAPSchema] {
    records.compactMap { if case .schema(let schema) = $0 { schema } else { nil } }
  }
  var channels: [MCAPChannel] {
    records.compactMap { if case .channel(let channel) = $0 { channel } else { nil } }
  }
  var messages: [ConformanceMessage] {
    records.compactMap { if case .message(let message) = $0 { message } else { nil } }
  }
  var attachments: [MCAPAttachment] {
    records.compactMap { if case .attachment(let attachment) = $0 { attachment } else { nil } }
  }
  var metadata: [MCAPMetadata] {
    records.compactMap { if case .metadata(let metadata) = $0 { metadata } else { nil } }
  }

  /// Whether a record stands in the summary besides its offsets.
  var hasSummary: Bool {
    !features.isDisjoint(with: [
      .attachmentIndex, .chunkIndex, .metadataIndex, .repeatedChannels, .repeatedSchemas, .statistics,
    ])
  }

  /// Whether the summary suffices to read the file by its index.
  var hasWholeSummary: Bool {
    has(.statistics) && has(.chunks) == has(.chunkIndex)
      && schemas.isEmpty != has(.repeatedSchemas) && channels.isEmpty != has(.repeatedChannels)
      && attachments.isEmpty != has(.attachmentIndex) && metadata.isEmpty != has(.metadataIndex)
  }

  // MARK: Writing

  /// Writes the file with `MCAPWriter`.
  func written(hasDataChecksum: Bool = true) throws -> [UInt8] {
    var options = MCAPWriter.Options()
    options.compression = .none
    options.chunkSize = 1 << 12
    options.hasDataChecksum = hasDataChecksum
    options.layout.hasChunks = has(.chunks)
    options.layout.hasDefinitionsInChunks = true
    options.layout.hasMessageIndexes = has(.messageIndex)
    options.layout.hasChunkIndexes = has(.chunkIndex)
    options.layout.hasAttachmentIndexes = has(.attachmentIndex)
    options.layout.hasMetadataIndexes = has(.metadataIndex)
    options.layout.hasRepeatedSchemas = has(.repeatedSchemas)
    options.layout.hasRepeatedChannels = has(.repeatedChannels)
    options.layout.hasStatistics = has(.statistics)
    options.layout.hasSummaryOffsets = has(.summaryOffsets)
    options.layout.firstChannelID = 1
    options.layout.extraData = has(.extraData) ? [0x01, 0xff, 0xff] : []
    let output = MCAPTests.FaultyFile()
    let writer = try MCAPWriter(output, options: options)
    for record in records {
      switch record {
      case .schema(let schema): _ = try writer.add(schema)
      case .channel(let channel): _ = try writer.add(channel)
      case .message(let message):
        try message.data.withUnsafeBytes {
          try writer.write(
            channel: message.channelID, sequence: message.sequence, logTime: message.logTime,
            publishTime: message.publishTime, data: $0)
        }
      case .attachment(let attachment): try writer.write(attachment)
      case .metadata(let metadata): try writer.write(metadata)
      case .header, .dataEnd, .end: break
      }
    }
    try writer.finish()
    return output.bytes
  }
}
