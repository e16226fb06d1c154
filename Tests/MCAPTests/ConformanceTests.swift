import Cryptography
import MCAP
import Testing

/// The MCAP project's conformance data against our writer and reader. `MCAPWriter` writes each file of the data set anew
/// from its case and features; `ConformanceFacts` holds sizes and hashes of the project's files.
struct ConformanceTests {
  /// Files of the data set; a comparison of fewer must fail.
  static let fileCount = 416
  /// Files of it whose hash is known.
  static let factCount = 303

  @Test func theWriterGivesTheSameBytes() throws {
    let facts = ConformanceFacts.all
    #expect(facts.count == Self.factCount && Set(facts.map(\.name)).count == Self.factCount)
    let variants = Dictionary(uniqueKeysWithValues: ConformanceVariant.all.map { ($0.name, $0) })
    #expect(variants.count == Self.fileCount)
    var compared = 0
    for fact in facts {
      let variant = try #require(variants[fact.name], "\(fact.name)")
      let bytes = try variant.written(hasDataChecksum: fact.hasDataChecksum)
      let hash = SHA256.hash(bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(bytes.count == fact.size && hash == fact.sha256, "\(fact.name): \(bytes.count) bytes, \(hash)")
      compared += 1
    }
    #expect(compared == Self.factCount)
  }

  @Test func theScannerGivesTheSameRecords() throws {
    var compared = 0
    for variant in ConformanceVariant.all {
      let found = try Self.scan(variant.written())
      var expected = [ConformanceRecord.header(profile: "", library: "")] + variant.records + [.dataEnd]
      if variant.has(.repeatedSchemas) { expected += variant.schemas.map { .schema($0) } }
      if variant.has(.repeatedChannels) { expected += variant.channels.map { .channel($0) } }
      expected.append(.end)
      #expect(found.records == expected && found.faults.isEmpty, "\(variant.name): \(found)")
      #expect(found.chunks == (variant.has(.chunks) ? 1 : 0), "\(variant.name)")
      compared += 1
    }
    #expect(compared == Self.fileCount)
  }

  @Test func theIndexedReaderGivesTheSameRecords() throws {
    var compared = 0
    var indexed = 0
    for variant in ConformanceVariant.all {
      let bytes = try variant.written()
      let file = try MCAPFile(InputFile(bytes: bytes, name: variant.name))
      #expect(file.isIndexed == variant.hasWholeSummary, "\(variant.name): \(file.faults)")
      // The parts of a summary are the writer's choice: a file without one is not damaged.
      #expect(file.isFinished && file.faults.isEmpty, "\(variant.name): \(file.faults)")
      try Self.expect(file, toHold: variant)
      if file.isIndexed { try Self.expectIndexes(of: file, toFit: variant, in: bytes) }
      compared += 1
      indexed += file.isIndexed ? 1 : 0
    }
    // 4 of each case without messages; 4 without and 8 with a chunk of each other case.
    #expect(compared == Self.fileCount && indexed == 48, "\(indexed)")
  }

  @Test func aFileWithoutItsSummaryGivesTheSameRecords() throws {
    var compared = 0
    for variant in ConformanceVariant.all {
      let bytes = try variant.written()
      // The data section only: everything up to the record that ends it.
      let end = try #require(try Self.endOfData(bytes))
      let file = try MCAPFile(InputFile(bytes: Array(bytes[..<end]), name: variant.name))
      #expect(!file.isIndexed && !file.isFinished && file.faults.count >= 1, "\(variant.name)")
      try Self.expect(file, toHold: variant)
      compared += 1
    }
    #expect(compared == Self.fileCount)
  }

  // MARK: Helpers

  static func scan(
    _ bytes: [UInt8]
  ) throws -> (records: [ConformanceRecord], faults: [MCAPError], chunks: Int) {
    var result: (records: [ConformanceRecord], faults: [MCAPError], chunks: Int) = ([], [], 0)
    try MCAPScanner(InputFile(bytes: bytes, name: "test")).scan { event in
      switch event {
      case .header(let profile, let library):
        result.records.append(.header(profile: profile, library: library))
      case .schema(let schema): result.records.append(.schema(schema))
      case .channel(let channel): result.records.append(.channel(channel))
      case .message(let message, _): result.records.append(.message(ConformanceMessage(message)))
      case .attachment(let attachment): result.records.append(.attachment(attachment))
      case .metadata(let metadata): result.records.append(.metadata(metadata))
      case .dataEnd: result.records.append(.dataEnd)
      case .end: result.records.append(.end)
      case .chunkEnd: result.chunks += 1
      case .fault(let fault): result.faults.append(fault)
      }
      return .goOn
    }
    return result
  }

  /// The offset after the record that ends the data section.
  static func endOfData(_ bytes: [UInt8]) throws -> Int? {
    var offset = 8
    while offset + 9 <= bytes.count {
      let length = (0..<8).reduce(0) { $0 | Int(bytes[offset + 1 + $1]) << (8 * $1) }
      let next = offset + 9 + length
      if bytes[offset] == MCAPOpcode.dataEnd.rawValue { return next }
      offset = next
    }
    return nil
  }

  /// Compares everything that a file gives, with or without its summary.
  static func expect(_ file: MCAPFile, toHold variant: ConformanceVariant) throws {
    let name: Comment = "\(variant.name)"
    #expect(file.schemas == Dictionary(uniqueKeysWithValues: variant.schemas.map { ($0.id, $0) }), name)
    #expect(file.channels == Dictionary(uniqueKeysWithValues: variant.channels.map { ($0.id, $0) }), name)
    #expect(try file.attachments.map { try file.attachment($0) } == variant.attachments, name)
    #expect(try file.metadata.map { try file.metadata($0) } == variant.metadata, name)
    // Chunks are read in the order of time, and equal times in the order of the file.
    var expected = variant.messages
    if variant.has(.chunks) {
      let ordered = expected.enumerated().sorted {
        ($0.element.logTime, $0.offset) < ($1.element.logTime, $1.offset)
      }
      expected = ordered.map(\.element)
    }
    #expect(try messages(of: file) == expected, name)
    #expect(try messages(of: file, in: 2...4) == expected.filter { (2...4).contains($0.logTime) }, name)
    #expect(try messages(of: file, on: [2]).isEmpty, name)

    let statistics = file.statistics
    let times = variant.messages.map(\.logTime)
    #expect(
      [
        statistics.messageCount, UInt64(statistics.schemaCount), UInt64(statistics.channelCount),
        UInt64(statistics.attachmentCount), UInt64(statistics.metadataCount), UInt64(statistics.chunkCount),
        statistics.startTime, statistics.endTime,
      ] == [
        UInt64(variant.messages.count), UInt64(variant.schemas.count), UInt64(variant.channels.count),
        UInt64(variant.attachments.count), UInt64(variant.metadata.count), variant.has(.chunks) ? 1 : 0,
        times.min() ?? 0, times.max() ?? 0,
      ], name)
    #expect(
      statistics.channelMessageCounts == (times.isEmpty ? [:] : [1: UInt64(times.count)]), name)
  }

  /// Compares the index of the chunk with the bytes that it names.
  static func expectIndexes(
    of file: MCAPFile, toFit variant: ConformanceVariant, in bytes: [UInt8]
  ) throws {
    let name: Comment = "\(variant.name)"
    guard let chunk = file.chunks.first else { return }
    let times = variant.messages.map(\.logTime)
    #expect(chunk.startTime == times.min() && chunk.endTime == times.max(), name)
    #expect(chunk.compression.isEmpty && chunk.compressedSize == chunk.uncompressedSize, name)
    #expect(bytes[Int(chunk.offset)] == MCAPOpcode.chunk.rawValue, name)
    #expect(chunk.length == 9 + 40 + chunk.compressedSize, name)
    guard variant.has(.messageIndex) else {
      #expect(chunk.indexOffsets.isEmpty && chunk.indexLength == 0, name)
      return
    }
    let offset = try #require(chunk.indexOffsets[1], name)
    #expect(offset == chunk.offset + chunk.length && chunk.indexOffsets.count == 1, name)
    #expect(bytes[Int(offset)] == MCAPOpcode.messageIndex.rawValue, name)
    let extra = variant.has(.extraData) ? 3 : 0
    #expect(chunk.indexLength == UInt64(9 + 6 + 16 * times.count + extra), name)
  }

  static func messages(
    of file: MCAPFile, on channels: Set<UInt16>? = nil, in times: ClosedRange<UInt64> = 0...UInt64.max
  ) throws -> [ConformanceMessage] {
    var found: [ConformanceMessage] = []
    try file.forEachMessage(on: channels, in: times, onFault: { Issue.record("\($0)") }) {
      found.append(ConformanceMessage($0))
      return .goOn
    }
    return found
  }
}

extension ConformanceMessage {
  init(_ message: MCAPMessage) {
    self.init(
      channelID: message.channelID, sequence: message.sequence, logTime: message.logTime,
      publishTime: message.publishTime, data: Array(message.data))
  }
}
