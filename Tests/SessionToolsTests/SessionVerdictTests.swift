import Foundation
import MCAP
import Sensing
import SessionLog
import SessionTools
import Spatial
import TestSupport
import Testing

/// Nothing compared, and errors met, are no equality.
struct SessionVerdictTests {
  private static func damage(_ path: String, to output: String, chunks: (Int, Int) -> Bool) throws -> Int {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let indexes = try MCAPFile(InputFile(path: path)).chunks
    for (number, index) in indexes.enumerated() where chunks(number, indexes.count) {
      bytes[Int(index.offset + index.length) - 1] ^= 0xFF
    }
    try Data(bytes).write(to: URL(fileURLWithPath: output))
    return indexes.count
  }

  private static func isUnverified(_ verdict: SessionVerifier.Verdict) -> Bool {
    if case .unverified = verdict { true } else { false }
  }

  @Test func aWholeSessionIsEqualAndAChangedStateDiffers() throws {
    let folder = try TestPaths.temporaryFolder()
    try SampleSession.write(folder + "/a.mcap")
    let result = try SessionVerifier(path: folder + "/a.mcap").run()
    #expect(result.verdict == .equal && result.compared == 400 && result.states == 400)
    // The states of another session after the reports of this one.
    try SampleSession.write(folder + "/b.mcap", rate: 2)
    var states: [[UInt8]] = []
    try SessionReader(path: folder + "/b.mcap").read { record, _ in
      if case .state(_, let bytes) = record { states.append(Array(bytes)) }
      return .goOn
    }
    let copy = try SessionCopy(to: folder + "/c.mcap", note: "test")
    var next = 0
    try copy.run(InputFile(path: folder + "/a.mcap")) { topic, _ in
      guard case .state = topic else { return .keep }
      next += 1
      return .replace(states[next - 1])
    }
    guard case .different(let text) = try SessionVerifier(path: folder + "/c.mcap").run().verdict else {
      Issue.record("no difference")
      return
    }
    #expect(text.contains("device 1"), "\(text)")
  }

  @Test func aDamagedSessionIsNotVerified() throws {
    let folder = try TestPaths.temporaryFolder()
    try SampleSession.write(folder + "/a.mcap")
    try SampleSession.rechunk(folder + "/a.mcap", to: folder + "/b.mcap", size: 4096)
    let intact = try SessionVerifier(path: folder + "/b.mcap").run()
    #expect(intact.verdict == .equal && intact.compared == 400)
    let count = try Self.damage(folder + "/b.mcap", to: folder + "/all.mcap") { _, _ in true }
    #expect(count > 20)
    let all = try SessionVerifier(path: folder + "/all.mcap").run()
    #expect(Self.isUnverified(all.verdict) && all.compared == 0 && all.faults.count >= count)
    _ = try Self.damage(folder + "/b.mcap", to: folder + "/most.mcap") { number, _ in number >= 3 }
    let most = try SessionVerifier(path: folder + "/most.mcap").run()
    #expect(Self.isUnverified(most.verdict) && most.difference == nil && most.compared > 0, "\(most)")
    // States without their reports differ: that is the damage, not the computation.
    _ = try Self.damage(folder + "/b.mcap", to: folder + "/middle.mcap") { number, count in
      number == count / 2
    }
    #expect(Self.isUnverified(try SessionVerifier(path: folder + "/middle.mcap").run().verdict))
    // A file without its end.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/b.mcap"))
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: folder + "/cut.mcap"))
    #expect(Self.isUnverified(try SessionVerifier(path: folder + "/cut.mcap").run().verdict))
  }

  @Test func aFileWithoutReportsOrStatesIsNotVerified() throws {
    let folder = try TestPaths.temporaryFolder()
    let empty = try MCAPWriter(DiskFile(creating: folder + "/empty.mcap"), options: MCAPWriter.Options())
    try empty.finish()
    #expect(Self.isUnverified(try SessionVerifier(path: folder + "/empty.mcap").run().verdict))
    let foreign = try MCAPWriter(DiskFile(creating: folder + "/foreign.mcap"), options: MCAPWriter.Options())
    let schema = try foreign.add(MCAPSchema(name: "text", encoding: "", data: []))
    let channel = try foreign.add(MCAPChannel(schemaID: schema, topic: "/t", messageEncoding: "text"))
    let text = Array("hello".utf8)
    try text.withUnsafeBytes {
      try foreign.write(channel: channel, logTime: 1, publishTime: 1, data: $0)
    }
    try foreign.finish()
    #expect(Self.isUnverified(try SessionVerifier(path: folder + "/foreign.mcap").run().verdict))
    try SampleSession.write(folder + "/a.mcap")
    let copy = try SessionCopy(to: folder + "/reports.mcap", note: "test")
    try copy.run(InputFile(path: folder + "/a.mcap")) { topic, _ in
      if case .state = topic { .drop } else { .keep }
    }
    let reports = try SessionVerifier(path: folder + "/reports.mcap").run()
    #expect(Self.isUnverified(reports.verdict) && reports.states == 400)
  }

  @Test func onlyTheRangeIsCompared() throws {
    let folder = try TestPaths.temporaryFolder()
    try SampleSession.write(folder + "/a.mcap")
    let part = try SessionVerifier(path: folder + "/a.mcap").run(range: 0.5...1)
    #expect(part.verdict == .equal && part.compared == 101 && part.reports == 101 && part.states == 101)
    #expect(abs(part.duration - 0.5) < 1e-6)
    #expect(Self.isUnverified(try SessionVerifier(path: folder + "/a.mcap").run(range: 50...60).verdict))
    // A state that differs outside of the range is none of it.
    let copy = try SessionCopy(to: folder + "/b.mcap", note: "test")
    var count = 0
    try copy.run(InputFile(path: folder + "/a.mcap")) { topic, message in
      guard case .state = topic else { return .keep }
      count += 1
      guard count == 10 else { return .keep }
      var bytes = Array(message.data)
      bytes[20] ^= 1
      return .replace(bytes)
    }
    #expect(try SessionVerifier(path: folder + "/b.mcap").run(range: 0.5...1).verdict == .equal)
    #expect(try SessionVerifier(path: folder + "/b.mcap").run().difference != nil)
  }

  @Test func comparingTellsEqualDifferentAndForeign() throws {
    let folder = try TestPaths.temporaryFolder()
    try SampleSession.write(folder + "/a.mcap")
    try SampleSession.write(folder + "/b.mcap", rate: 2)
    let same = try SessionComparison(folder + "/a.mcap", folder + "/a.mcap")
    #expect(same.isEqual && same.common == 400)
    let other = try SessionComparison(folder + "/a.mcap", folder + "/b.mcap")
    #expect(!other.isEqual && other.common == 400)
    try SampleSession.write(folder + "/short.mcap", samples: 200)
    let short = try SessionComparison(folder + "/a.mcap", folder + "/short.mcap")
    #expect(!short.isEqual && short.common == 200 && short.devices[0].orientation.max == 0)
    let copy = try SessionCopy(to: folder + "/none.mcap", note: "test")
    try copy.run(InputFile(path: folder + "/a.mcap")) { topic, _ in
      if case .state = topic { .drop } else { .keep }
    }
    #expect(try SessionComparison(folder + "/a.mcap", folder + "/none.mcap").common == 0)
  }
}
