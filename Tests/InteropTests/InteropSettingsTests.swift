import Settings
import StrictYAML
import Testing

@testable import Interop

struct InteropSettingsTests {
  private func parse(_ text: String) throws -> InteropSettings {
    try InteropSettings(YAMLDocument(text: text, file: "test.yaml").root)
  }

  @Test func formatsHaveTheirDefaults() throws {
    let settings = try parse("{ vrpn: {}, opentrack: { rate_hz: 50 }, vmc: { target: '127.0.0.1:1' } }")
    #expect(settings.vrpn?.address == "127.0.0.1:3883" && settings.vrpn?.isOpen == false)
    #expect(settings.senders.map(\.format) == [.opentrack, .vmc])
    #expect(settings.senders.first?.target == "127.0.0.1:4242" && settings.senders.first?.rate == 50)
    #expect(settings.senders.last?.target == "127.0.0.1:1" && settings.senders.last?.rate == 60)
    #expect(try parse("{}").lines.isEmpty && InteropSettings().lines.isEmpty)
  }

  @Test func printedSettingsParseToTheSame() throws {
    let settings = try parse("{ vrpn: { open: true }, opentrack: {}, vrchat: { rate_hz: 30 }, vmc: {} }")
    let text = settings.lines.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
    #expect(try parse(text) == settings)
  }

  /// A format of another name is an error with its position, and names the formats that exist.
  @Test(arguments: ["{ trackir: {} }", "{ vmc: { target: 1, rate: 2 } }", "{ vrpn: { rate_hz: 0 } }"])
  func unknownKeysAndInvalidValuesAreErrors(_ text: String) throws {
    let error = #expect(throws: DocumentError.self) { try parse(text) }
    #expect(error?.line == 1)
    if text.contains("trackir") { #expect(error?.description.contains("opentrack") == true) }
  }
}
