import Foundation
import MCAP
import Spatial
import Testing
import TestSupport

/// The format, written and read by us, and across with Python's `mcap`, which nobody here wrote.
struct MCAPTests {
  static let compressions: [MCAPCompression] = [.none, .lz4, .zstandard(level: 1)]

  /// A file in memory that fails where it is told to.
  final class FaultyFile: OutputFile {
    /// What was written, and how much of it outlives a loss of power.
    private(set) var bytes: [UInt8] = []
    private(set) var durable = 0
    /// Bytes that the disk takes.
    var room = Int.max

    func write(_ data: UnsafeRawBufferPointer) throws(OutputError) {
      let taken = min(data.count, room - bytes.count)
      bytes += data.prefix(max(0, taken))
      if taken < data.count { throw OutputError(file: "test", operation: "written", code: ENOSPC) }
    }
    func sync() throws(OutputError) { durable = bytes.count }
    func truncate(to size: UInt64) throws(OutputError) { bytes.removeLast(max(0, bytes.count - Int(size))) }
    func close() throws(OutputError) {}
    func makeSpool() throws(OutputError) -> any SpoolFile { Spool() }

    final class Spool: SpoolFile {
      private var bytes: [UInt8] = []
      func write(_ data: UnsafeRawBufferPointer) throws(OutputError) { bytes += data }
      func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(OutputError) -> Int {
        let count = max(0, min(buffer.count, bytes.count - Int(offset)))
        buffer.copyBytes(from: bytes[Int(offset)..<(Int(offset) + count)])
        return count
      }
    }
  }

  /// Messages of two channels, an attachment and metadata.
  static func write(
    _ output: any OutputFile, _ compression: MCAPCompression, messages: Int = 200, chunkSize: Int = 1000,
    flushEach: Int? = nil, messageSize: Int = 0
  ) throws -> [[UInt8]] {
    var options = MCAPWriter.Options()
    options.compression = compression
    options.chunkSize = chunkSize
    options.library = "test"
    options.hasDataChecksum = true
    let writer = try MCAPWriter(output, options: options)
    try writer.write(MCAPMetadata(name: "session", values: ["b": "2", "a": "1"]))
    let schema = try writer.add(MCAPSchema(name: "text", encoding: "", data: []))
    let channels = try (0..<2).map {
      try writer.add(MCAPChannel(schemaID: schema, topic: "/t\($0)", messageEncoding: "text"))
    }
    try writer.write(
      MCAPAttachment(logTime: 5, name: "file", mediaType: "text/plain", data: Array("hello".utf8)))
    var written: [[UInt8]] = []
    for index in 0..<messages {
      let data =
        Array("message \(index) ".utf8)
        + [UInt8](repeating: UInt8(index & 0xff), count: max(messageSize, index % 50))
      try data.withUnsafeBytes {
        try writer.write(
          channel: channels[index % 2], logTime: UInt64(1000 + index), publishTime: UInt64(index), data: $0)
      }
      written.append(data)
      if let flushEach, index % flushEach == flushEach - 1 {
        try writer.closeChunk()
        try writer.sync()
      }
    }
    try writer.finish()
    return written
  }

  static func scan(_ bytes: [UInt8]) throws -> (messages: [[UInt8]], faults: [MCAPError], isWhole: Bool) {
    var result: (messages: [[UInt8]], faults: [MCAPError], isWhole: Bool) = ([], [], false)
    try MCAPScanner(InputFile(bytes: bytes, name: "test")).scan { event in
      switch event {
      case .message(let message, _): result.messages.append(Array(message.data))
      case .fault(let fault): result.faults.append(fault)
      case .end: result.isWhole = true
      default: break
      }
      return .goOn
    }
    return result
  }

  @Test(arguments: compressions)
  func whatIsWrittenIsRead(_ compression: MCAPCompression) throws {
    let output = FaultyFile()
    let written = try Self.write(output, compression)
    let scanned = try Self.scan(output.bytes)
    #expect(scanned.messages == written && scanned.faults.isEmpty && scanned.isWhole)

    let file = try MCAPFile(InputFile(bytes: output.bytes, name: "test"))
    #expect(file.isIndexed && file.faults.isEmpty && file.chunks.count > 5)
    #expect(file.statistics.messageCount == 200 && file.library == "test")
    #expect(file.statistics.startTime == 1000 && file.statistics.endTime == 1199)
    #expect(try file.attachment(file.attachments[0]).data == Array("hello".utf8))
    #expect(try file.metadata(file.metadata[0]).values == ["a": "1", "b": "2"])
    var found: [[UInt8]] = []
    let channel = try #require(file.channels.values.first { $0.topic == "/t1" }?.id)
    try file.forEachMessage(on: [channel], in: 1050...1060) {
      found.append(Array($0.data))
      return .goOn
    }
    #expect(found == [51, 53, 55, 57, 59].map { written[$0] })
  }

  @Test func messagesComeInTheOrderOfTheirTimesWhateverTheirChunks() throws {
    let output = FaultyFile()
    var options = MCAPWriter.Options()
    options.chunkSize = 200
    let writer = try MCAPWriter(output, options: options)
    let channel = try writer.add(MCAPChannel(schemaID: 0, topic: "/t", messageEncoding: ""))
    var times = (0..<300).map { UInt64($0) }
    var random = SeededRandom(seed: 7)
    times.shuffle(using: &random)
    for time in times {
      try withUnsafeBytes(of: time) {
        try writer.write(channel: channel, logTime: time, publishTime: 0, data: $0)
      }
    }
    try writer.finish()
    var found: [UInt64] = []
    try MCAPFile(InputFile(bytes: output.bytes, name: "test")).forEachMessage {
      found.append($0.logTime)
      return .goOn
    }
    #expect(found == Array(0..<300))
  }

  @Test func aFileThatIsCutAnywhereGivesEveryWholeChunk() throws {
    let output = FaultyFile()
    let written = try Self.write(output, .zstandard(level: 1), messages: 60, chunkSize: 400)
    let file = try MCAPFile(InputFile(bytes: output.bytes, name: "test"))
    for size in 0..<output.bytes.count {
      let cut = Array(output.bytes[0..<size])
      guard size >= 8 else {
        #expect(throws: MCAPError.self) { try Self.scan(cut) }
        continue
      }
      let result = try Self.scan(cut)
      let whole = file.chunks.filter { $0.offset + $0.length <= UInt64(size) }
      // As many messages as the whole chunks hold, in their order; never another.
      #expect(result.messages == Array(written.prefix(result.messages.count)))
      let expected = try whole.reduce(0) { sum, chunk in
        var count = 0
        try file.forEachMessage(in: chunk.startTime...chunk.endTime) { _ in
          count += 1
          return .goOn
        }
        return sum + count
      }
      #expect(result.messages.count == expected && !result.isWhole && !result.faults.isEmpty)
      // The index is made anew.
      let rebuilt = try MCAPFile(InputFile(bytes: cut, name: "test"))
      #expect(!rebuilt.isIndexed && rebuilt.statistics.messageCount == UInt64(expected))
    }
  }

  @Test func aBadRecordCostsItselfAndIsNamed() throws {
    let output = FaultyFile()
    let written = try Self.write(output, .zstandard(level: 1), messages: 200, chunkSize: 1000)
    let file = try MCAPFile(InputFile(bytes: output.bytes, name: "test"))
    let victim = file.chunks[3]
    var damaged = output.bytes
    damaged[Int(victim.offset + victim.length) - 3] ^= 0xff
    let result = try Self.scan(damaged)
    #expect(result.faults.count == 1 && result.faults[0].offset == victim.offset && result.isWhole)
    let lost = Int(victim.endTime - victim.startTime) + 1
    #expect(result.messages.count == written.count - lost)

    // A length that lies: the next chunk is found by itself.
    damaged = output.bytes
    damaged[Int(victim.offset) + 7] = 0x7f
    let lying = try Self.scan(damaged)
    #expect(lying.faults.first?.offset == victim.offset && lying.messages.count == written.count - lost)
  }

  @Test func aBombIsNotInflated() throws {
    let output = FaultyFile()
    _ = try Self.write(output, .zstandard(level: 1), messages: 50, chunkSize: 1000)
    let file = try MCAPFile(InputFile(bytes: output.bytes, name: "test"))
    var bytes = output.bytes
    // The uncompressed size of the first chunk: a hundred gigabytes.
    let place = Int(file.chunks[0].offset) + 9 + 16
    withUnsafeBytes(of: UInt64(100) << 30) { bytes.replaceSubrange(place..<(place + 8), with: $0) }
    let result = try Self.scan(bytes)
    #expect(result.faults.contains { $0.problem.contains("are the most that is inflated") })
    // And one that only the compressed data claims.
    withUnsafeBytes(of: UInt64(1) << 20) { bytes.replaceSubrange(place..<(place + 8), with: $0) }
    #expect(try Self.scan(bytes).faults.contains { $0.problem.contains("the container declares") })
  }

  @Test func aDiskThatIsFullAtAnyByteLeavesWhatWasWrittenBefore() throws {
    let whole = FaultyFile()
    let written = try Self.write(whole, .zstandard(level: 1), messages: 60, chunkSize: 400)
    for room in stride(from: 0, to: whole.bytes.count, by: 7) {
      let output = FaultyFile()
      output.room = room
      #expect(throws: OutputError.self) {
        try Self.write(output, .zstandard(level: 1), messages: 60, chunkSize: 400)
      }
      guard room >= 8 else { continue }
      let result = try Self.scan(output.bytes)
      #expect(result.messages == Array(written.prefix(result.messages.count)))
    }
  }

  @Test func aFileThatIsFinishedAfterAFullDiskIsWhole() throws {
    for room in stride(from: 300, to: 4000, by: 37) {
      let output = FaultyFile()
      var options = MCAPWriter.Options()
      options.compression = .none
      options.chunkSize = 500
      let writer = try MCAPWriter(output, options: options)
      let channel = try writer.add(MCAPChannel(schemaID: 0, topic: "/t", messageEncoding: ""))
      let start = writer.size
      output.room = room
      #expect(throws: OutputError.self) {
        for index in 0..<1000 {
          try withUnsafeBytes(of: UInt64(index)) {
            try writer.write(channel: channel, logTime: UInt64(index), publishTime: 0, data: $0)
          }
          guard index % 7 == 0 else { continue }
          try writer.write(MCAPAttachment(logTime: 0, name: "a\(index)", mediaType: "", data: [1]))
          try writer.write(MCAPMetadata(name: "m\(index)", values: [:]))
        }
      }
      // The disk has room again, and the caller passes the size before the first message.
      output.room = .max
      try writer.cut(to: start)
      try writer.finish()
      let file = try MCAPFile(InputFile(bytes: output.bytes, name: "test"))
      #expect(file.isIndexed && file.faults.isEmpty, "\(room): \(file.faults)")
      for index in file.attachments { _ = try file.attachment(index) }
      for index in file.metadata { _ = try file.metadata(index) }
      var times: [UInt64] = []
      try file.forEachMessage(onFault: { Issue.record("\(room): \($0)") }) {
        times.append($0.logTime)
        return .goOn
      }
      let count = file.statistics.messageCount
      #expect(times == Array(0..<count) && writer.messageCount == count, "\(room): \(count) messages")
      #expect(file.statistics.endTime == times.last ?? 0, "\(room)")
    }
  }

  @Test func aLossOfPowerLeavesWhatWasSynced() throws {
    let output = FaultyFile()
    let written = try Self.write(output, .lz4, messages: 90, chunkSize: 1 << 20, flushEach: 30)
    #expect(output.durable > 0)
    // After the last sync and before the end nothing is promised; cut right there.
    let file = try MCAPFile(InputFile(bytes: output.bytes, name: "test"))
    let second = file.chunks[1]
    let cut = Array(output.bytes[0..<Int(second.offset + second.length)])
    #expect(try Self.scan(cut).messages == Array(written.prefix(60)))
  }

  /// Chunks that are small in the file and large in memory.
  @Test func chunksBeyondTheLimitsAreFaults() throws {
    let output = FaultyFile()
    // Three chunks, each with a message of 2 MiB.
    _ = try Self.write(output, .zstandard(level: 1), messages: 3, chunkSize: 1 << 20, messageSize: 2 << 20)
    let input = InputFile(bytes: output.bytes, name: "test")
    func read(_ limits: MCAPLimits) throws -> (messages: Int, faults: [String]) {
      var (messages, faults) = (0, [String]())
      let file = try MCAPFile(input, limits: limits)
      try file.forEachMessage(onFault: { faults.append("\($0)") }) { _ in
        messages += 1
        return .goOn
      }
      var scanned = 0
      try MCAPScanner(input, limits: limits).scan { event in
        if case .message = event { scanned += 1 }
        return .goOn
      }
      #expect(scanned == messages)
      return (messages, faults)
    }
    #expect(try read(MCAPLimits()) == (3, []))
    var limits = MCAPLimits()
    limits.chunk = 1 << 20
    let (messages, faults) = try read(limits)
    #expect(messages == 0 && faults.count == 3)
    #expect(
      faults.allSatisfy { $0.contains("a chunk of 209") && $0.contains("1048576 are the most") }, "\(faults)")
    #expect(MCAPLimits().chunk == 64 << 20)
  }

  @Test func indexesOfALongRecordingAreNotInMemory() throws {
    let folder = try TestPaths.temporaryFolder()
    let output = try DiskFile(creating: folder + "/long.mcap")
    _ = try Self.write(output, .none, messages: 20_000, chunkSize: 60)
    let file = try MCAPFile(InputFile(path: folder + "/long.mcap"))
    #expect(file.chunks.count > 10_000 && file.faults.isEmpty)
    var count = 0
    try file.forEachMessage {
      #expect($0.logTime == UInt64(1000 + count))
      count += 1
      return .goOn
    }
    #expect(count == 20_000)
    // The spool has no name.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["long.mcap"])
    #expect(throws: OutputError.self) { try DiskFile(creating: folder + "/long.mcap") }
  }

  @Test(arguments: compressions)
  func pythonReadsWhatWeWrite(_ compression: MCAPCompression) async throws {
    let folder = try TestPaths.temporaryFolder()
    let written = try Self.write(try DiskFile(creating: folder + "/a.mcap"), compression)
    let result = try await Program.run(
      TestPaths.python, [TestPaths.root + "/Tests/Python/read_mcap.py", folder + "/a.mcap"])
    #expect(result.code == 0, "\(result.errors)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == written.count + 2)
    for (index, line) in lines.prefix(written.count).enumerated() {
      let hexadecimal = written[index].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(line == "/t\(index % 2) \(1000 + index) \(index) \(index / 2) \(hexadecimal)")
    }
    #expect(lines[written.count] == "attachment file text/plain 5 68656c6c6f")
    #expect(lines[written.count + 1] == "metadata session a=1 b=2")
  }

  @Test(arguments: ["none", "lz4", "zstd", "unchunked", "unindexed"])
  func weReadWhatPythonWrites(_ kind: String) async throws {
    let folder = try TestPaths.temporaryFolder()
    let result = try await Program.run(
      TestPaths.python, [TestPaths.root + "/Tests/Python/write_mcap.py", folder + "/p.mcap", kind])
    #expect(result.code == 0, "\(result.errors)")
    let input = try InputFile(path: folder + "/p.mcap")
    var scanned: [String] = []
    try MCAPScanner(input).scan { event in
      switch event {
      case .message(let message, _):
        scanned.append("\(message.logTime) \(String(decoding: message.data, as: UTF8.self))")
      case .fault(let fault): Issue.record("\(fault)")
      default: break
      }
      return .goOn
    }
    #expect(scanned == (0..<1000).map { "\($0 * 10) message \($0)" })
    let file = try MCAPFile(input)
    #expect(file.channels.count == 3 && file.statistics.messageCount == 1000)
    var found: [String] = []
    try file.forEachMessage(in: 2000...2500) {
      found.append(String(decoding: $0.data, as: UTF8.self))
      return .goOn
    }
    #expect(found == (200...250).map { "message \($0)" })
  }
}
