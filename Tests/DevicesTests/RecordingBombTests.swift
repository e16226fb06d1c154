import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import Devices

/// Recordings that are small as files and large in memory.
struct RecordingBombTests {
  /// Writes a gzip file with gzip(1): a head, then one line many times.
  private func file(_ line: String, bytes: Int) throws -> String {
    let path = try TestPaths.temporaryFolder() + "/bomb.hid"
    try Data().write(to: URL(fileURLWithPath: path))
    let output = try #require(FileHandle(forWritingAtPath: path))
    try output.write(contentsOf: Data("D: 0\nN: x\nI: 3 1 2\n".utf8))
    let block = Data(String(repeating: line, count: (1 << 20) / line.utf8.count).utf8)
    for _ in 0..<(bytes / block.count) { try output.write(contentsOf: block) }
    try output.close()
    let gzip = Process()
    gzip.executableURL = URL(fileURLWithPath: "/bin/gzip")
    gzip.arguments = [path]
    try gzip.run()
    gzip.waitUntilExit()
    return path + ".gz"
  }

  @Test(arguments: [
    "E: 0.000000 1 00\n", "# nothing but a comment, which is skipped, again and again and again\n",
  ])
  func aFileThatInflatesWithoutBoundIsRejected(_ line: String) throws {
    let path = try file(line, bytes: 400 << 20)
    let size = try #require(
      FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    #expect(size < 2 << 20)
    let start = try PeakMemory.reset()
    #expect { try HIDRecording.read(path: path) } throws: {
      ($0 as? RecordingError)?.cause == .unreadable
        && ("\($0)".contains("inflates to more than") || "\($0)".contains("more reports than"))
    }
    let grown = try PeakMemory.growth(since: start)
    #expect(grown < 256 << 20, "\(grown >> 20) MiB")
  }

  @Test func aLineWithoutAnEndIsRejected() throws {
    let text = "D: 0\n" + String(repeating: "#", count: HIDRecording.longestLine + 1)
    #expect { try HIDRecording.parse(Array(text.utf8), file: "r") } throws: {
      ($0 as? RecordingError)?.line == 2
    }
  }

  @Test func aRecordingThatShrinksWellIsRead() throws {
    // Ten times smaller as gzip than bounded, and larger than the pieces in which it is read.
    let path = try file("E: 0.000000 4 00 01 02 03\n", bytes: 8 << 20)
    let recording = try HIDRecording.read(path: path)
    #expect(recording.events.count > 300_000 && !recording.isTruncated)
    #expect(recording.bytes.prefix(8) == [0, 1, 2, 3, 0, 1, 2, 3])
  }
}
