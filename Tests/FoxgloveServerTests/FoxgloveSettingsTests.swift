import Settings
import StrictYAML
import Testing

@testable import FoxgloveServer

struct FoxgloveSettingsTests {
  private func parse(_ text: String) throws -> FoxgloveSettings {
    try FoxgloveSettings(YAMLDocument(text: text, file: "test.yaml").root)
  }

  @Test func printedSettingsParseToTheSame() throws {
    let settings = try parse("{ address: 'localhost:8765', rate_hz: 30, origins: [] }")
    #expect(settings.address == "localhost:8765" && settings.rate == 30 && settings.origins.isEmpty)
    let text = settings.lines.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
    #expect(try parse(text) == settings)
    #expect(FoxgloveSettings().lines.isEmpty)
  }

  @Test func originsArePatterns() throws {
    let list = ["http://localhost:*", "file://", "null"]
    let settings = try parse("{ address: a, origins: ['http://localhost:*', 'file://', 'null'] }")
    #expect(settings.origins == list)
    // It would never match.
    let error = #expect(throws: DocumentError.self) {
      try parse("{ address: a, origins: ['http://localhost:8080/'] }")
    }
    #expect(error?.description.contains("file://") == true)
  }

  @Test(arguments: ["{}", "{ address: a, rate: 1 }", "{ address: a, rate_hz: 0 }"])
  func missingUnknownAndInvalidKeysAreErrors(_ text: String) {
    #expect(throws: DocumentError.self) { try parse(text) }
  }
}
