import Settings
import StrictYAML
import Testing

@testable import HTTPServer

struct HTTPSettingsTests {
  private func parse(_ text: String) throws -> HTTPSettings {
    try HTTPSettings(YAMLDocument(text: text, file: "test.yaml").root)
  }

  @Test func printedSettingsParseToTheSame() throws {
    let settings = try parse(
      """
      address: 0.0.0.0:8000
      tokens: [{ file: /t, models: [a, b], manage: true }, { file: u }, { file: v, scopes: [metrics, infer] }]
      tls: { certificate: /c, key: /k }
      max_body_mb: 3
      requests_per_second: 7
      """)
    #expect(settings.tokens.map(\.manages) == [true, false, false] && settings.maximumBody == 3 << 20)
    #expect(settings.tokens.map(\.scopes.count) == [8, 6, 2])
    let text = settings.lines.map {
      String(repeating: "  ", count: $0.indent - 1) + $0.key + ($0.key == "-" ? " " : ": ") + $0.value
    }.joined(separator: "\n")
    #expect(try parse(text) == settings, "\(text)")
    #expect(HTTPSettings().lines.isEmpty)
  }

  @Test(arguments: [
    "{ file: t, manage: true, scopes: [poses] }", "{ file: t, scopes: [root] }", "{ file: t, scopes: [] }",
  ])
  func scopesThatATokenCannotHaveAreErrors(_ token: String) {
    #expect(throws: DocumentError.self) { try parse("{ address: 'localhost:1', tokens: [\(token)] }") }
  }

  @Test func tokensThatCannotBeUsedAreErrors() throws {
    let settings = try parse("{ address: 'localhost:1', tokens: [{ file: secret }] }")
    // A credential without systemd, and a file that is missing.
    #expect(throws: (any Error).self) { try settings.options(for: "localhost:1", environment: [:]) }
    #expect(throws: (any Error).self) {
      try settings.options(for: "localhost:1", environment: ["CREDENTIALS_DIRECTORY": "/nonexistent"])
    }
    #expect(throws: (any Error).self) { try HTTPSettings().options(for: "nowhere", environment: [:]) }
  }
}
