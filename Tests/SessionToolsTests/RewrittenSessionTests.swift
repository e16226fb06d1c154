import Foundation
import MCAP
import SessionLog
import SessionTools
import TestSupport
import Testing

/// Sessions that Python's `mcap` wrote again, in every order that the format allows.
struct RewrittenSessionTests {
  private static let original = TestPaths.root + "/Tests/Fixtures/compatibility/0.1/session.mcap"

  private static func rewritten(_ kind: String, _ folder: String) async throws -> String {
    let path = "\(folder)/\(kind).mcap"
    let result = try await Program.run(
      TestPaths.python, [TestPaths.root + "/Tests/Python/rewrite_session.py", original, path, kind])
    #expect(result.code == 0, "\(result.errors)")
    return path
  }

  @Test(arguments: [
    "attachments-first", "attachments-between", "attachments-last", "unchunked", "one-chunk", "small-chunks",
    "by-topic", "by-topic-one-chunk", "unchunked-by-topic", "by-time", "reversed", "no-index", "no-summary",
  ])
  func aRewrittenSessionVerifiesAndExports(_ kind: String) async throws {
    let folder = try TestPaths.temporaryFolder()
    let path = try await Self.rewritten(kind, folder)
    let expected = try SessionVerifier(path: Self.original).run()
    let result = try SessionVerifier(path: path).run()
    #expect(result.verdict == .equal, "\(kind): \(result)")
    #expect(result.compared == expected.compared && result.digest == expected.digest, "\(kind)")
    let summary = try SessionSummary(path: path)
    #expect(summary.isComplete && summary.faults.isEmpty && summary.messages == 740, "\(summary.faults)")
    #expect(summary.devices.map(\.family) == ["test-imu", "relativty"])
    for format in [SessionExporter.Format.csv, .hidRecorder] {
      let name = format.rawValue
      let first = try SessionExporter(path: Self.original).export(format, to: "\(folder)/\(name)-1")
      let second = try SessionExporter(path: path).export(format, to: "\(folder)/\(name)-2")
      #expect(first.lines.count == second.lines.count && second.faults.isEmpty)
      let compared = try await Program.run(
        "/usr/bin/diff", ["-r", "\(folder)/\(name)-1", "\(folder)/\(name)-2"])
      #expect(compared.code == 0, "\(kind): \(compared.output.prefix(500))")
    }
    // A copy has the order of a recording.
    let recovered = try SessionRecovery.run(path: path, output: folder + "/copy.mcap")
    #expect(recovered.messages == 740 && recovered.faults.isEmpty)
    #expect(try SessionVerifier(path: folder + "/copy.mcap").run().digest == expected.digest)
  }

  /// Two attachments of one name: an event names its own by the digest.
  @Test func aDescriptionThatChangedDuringTheSessionIsFound() throws {
    let folder = try TestPaths.temporaryFolder()
    try SampleSession.write(folder + "/a.mcap")
    let copy = try SessionCopy(to: folder + "/b.mcap", note: "test")
    var later: MCAPAttachment?
    try copy.run(InputFile(path: folder + "/a.mcap")) { _, _ in
      .keep
    } attachment: { found in
      if found.name.hasPrefix("devices/") { later = found }
      return true
    }
    var other = try #require(later)
    // The same family with another unit of rotation.
    other.data = Array(
      String(decoding: other.data, as: UTF8.self).replacing("unit: rad/s", with: "unit: deg/s").utf8)
    var options = MCAPWriter.Options()
    options.library = "other"
    let copier = MCAPCopier(try MCAPWriter(DiskFile(creating: folder + "/c.mcap"), options: options))
    // The other one comes first, the one that was used last: only the digest distinguishes them.
    try copier.writer.write(other)
    var attachments: [MCAPAttachment] = []
    try MCAPScanner(InputFile(path: folder + "/b.mcap")).scan { event in
      switch event {
      case .schema(let schema): copier.note(schema)
      case .channel(let channel): copier.note(channel)
      case .message(let message, _): try copier.copy(message)
      case .attachment(let attachment): attachments.append(attachment)
      default: break
      }
      return .goOn
    }
    for attachment in attachments { try copier.writer.write(attachment) }
    try copier.writer.finish()
    #expect(try SessionVerifier(path: folder + "/c.mcap").run().verdict == .equal)
  }
}
