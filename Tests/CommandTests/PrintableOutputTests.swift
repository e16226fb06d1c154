import BridgeClient
import BridgeProtocol
import CommandSupport
import Diagnostics
import Foundation
import SessionLog
import SessionTools
import TestSupport
import Testing

/// Text of devices, clients, models and people at the sinks of the programs.
struct PrintableOutputTests {
  private static let hostile =
    "\u{1b}[2J\u{1b}]0;title\u{7}a\u{9b}31m\u{7f}\u{202e}b\u{2066}c\u{2028}d\u{feff}e\r"

  /// Characters that move a cursor, hide or turn text.
  private static func raw(_ text: String) -> [Unicode.Scalar] {
    text.unicodeScalars.filter { scalar in
      switch scalar.value {
      case 0x20..<0x7F, 0x0A: false
      case 0..<0xA0, 0x061C, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
      default: false
      }
    }
  }

  private static let sinks: [(name: String, sink: @Sendable (String) -> String)] = [
    ("line of a log", { printable($0) }),
    ("terminal", { Terminal.rendered("DEVICE  \($0)\n") }),
    ("styled text", { Terminal.rendered(Terminal.styled($0, .bold)) }),
    ("field of a terminal", { Terminal.field($0) }),
    ("cell of a terminal", { Terminal.pad($0, 60) }),
    ("JSON", { JSONLine.text($0) }),
    ("cell of a CSV file", { SessionExporter.cell($0) }),
  ]

  @Test(arguments: sinks.indices) func everySinkEscapesControlCharacters(_ index: Int) throws {
    let (name, sink) = Self.sinks[index]
    let shown = sink(Self.hostile)
    #expect(Self.raw(shown).isEmpty, "\(name): \(shown.debugDescription)")
    if name == "JSON" {
      // Without loss.
      #expect(try JSONDecoder().decode(String.self, from: Data(shown.utf8)) == Self.hostile)
    } else {
      #expect(shown.contains(#"\x1b[2J\x1b]0;title\x7a\x9b31m\x7f"#), "\(name): \(shown)")
    }
  }

  @Test func whatIsWrittenInAnyLanguageStays() {
    for text in ["Prüfstand 3", "מציאות", "می‌خواهم", "👩‍🚀 קסדה", "x\u{301}", "日本語"] {
      #expect(printable(text) == text && Terminal.rendered(text) == text)
    }
    #expect(printable("a\nb\tc") == #"a\xab\x9c"# && printable("a\nb\tc", keepsLines: true) == "a\nb\tc")
    #expect(printable("abcdef", limit: 3) == "abc…" && printable("abc", limit: 3) == "abc")
  }

  @Test func sequencesOfTheProgramStay() {
    #expect(Terminal.rendered(Terminal.restartLine + "a") == "\u{1b}[G\u{1b}[Ka")
    #expect(Terminal.rendered(Terminal.sequence("[H") + "\u{1b}[J") == "\u{1b}[H\\x1b[J")
  }

  /// A text may contain every character that sequences of the program are marked with.
  @Test func noTextHoldsASequenceOfTheProgram() {
    var all = String.UnicodeScalarView()
    for value in UInt32(0xF0000)...0xFFFFD {
      if let scalar = Unicode.Scalar(value) { all.append(scalar) }
    }
    let text = String(all)
    #expect(Array(Terminal.rendered(text).utf8) == Array(text.utf8))
    let shown = Terminal.rendered(text + Terminal.sequence("[m") + text)
    #expect(Array(shown.utf8) == Array("\(text)\u{1b}[m\(text)".utf8))
  }

  /// The mark joins with the character before it into one that a search by characters does not find.
  @Test func aCharacterOfOthersSwallowsNoSequence() {
    for prefix in ["\u{D4E}", "\u{600}", "\u{110BD}", "\u{1F1E6}", "e\u{200D}"] {
      let shown = Terminal.rendered("DEVICE \(prefix)" + Terminal.sequence("[0m"))
      #expect(Array(shown.utf8.suffix(4)) == Array("\u{1b}[0m".utf8), "\(shown.debugDescription)")
    }
  }

  @Test func aCellOfACSVFileIsNeitherTwoNorAFormula() {
    #expect(SessionExporter.cell("/input/a") == "/input/a")
    #expect(SessionExporter.cell("a,\"b\"\nc") == #""a,""b""\xac""#)
    #expect(SessionExporter.cell("=cmd()") == "'=cmd()")
  }

  /// A message of the argument parser repeats the argument.
  @Test func anInvalidArgumentMovesNoCursor() async throws {
    let result = try await Program.run("vrbridge", ["replay", "x.mcap", "--from", "1\u{1b}[2J\u{202e}"])
    #expect(result.code == 64 && result.errors.contains(#"1\x1b[2J\u{202e}"#), "\(result.errors)")
    #expect(Self.raw(result.errors).isEmpty)
  }

  /// A client whose name holds line breaks and control characters, against the log of a bridge.
  @Test func aClientNameForgesNoLineOfTheLog() async throws {
    let socket = try TestPaths.temporaryFolder() + "/s"
    let bridge = try Program(
      "vrbridge", ["run", "--no-hardware", "--log-level", "debug"],
      environment: [
        "VRBRIDGE_SOCKET": socket, "XDG_CONFIG_HOME": "/nonexistent", "TERM": "dumb",
        "XDG_STATE_HOME": try TestPaths.temporaryFolder(),
      ])
    try #require(await eventually { FileManager.default.fileExists(atPath: socket) }, "\(bridge.errors)")
    let name = "game\n2026-12-01 error vrbridge: forged\u{1b}[2J"
    let connection = try BridgeConnection(path: socket, clientName: name)
    _ = try connection.devices()
    try #require(await eventually { bridge.errors.contains("forged") }, "\(bridge.errors)")
    bridge.signal(SIGTERM)
    _ = await bridge.exitCode(within: 10)
    let log = bridge.errors
    // In quotation marks, within which a backslash stands twice.
    #expect(
      !log.contains("\u{1b}")
        && log.contains(##"="game\\xa2026-12-01 error vrbridge: forged\\x1b[2J""##))
    #expect(!log.split(separator: "\n").contains { $0.hasPrefix("2026-12-01 error vrbridge: forged") })
  }
}
