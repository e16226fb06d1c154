import Settings
import StrictYAML
import Testing

@testable import Bridge

private struct LampSettings: ConfigurationSection {
  static let key = "lamp"
  static let about = "A lamp."
  static let table = [
    SettingKey<Self>("address", \.address, ValueFormat.text.optional, "where the lamp is"),
    SettingKey<Self>("power", \.power, .integer(1...100, "W"), "power of the lamp"),
  ]
  var address: String?
  var power = 5
  var isOn: Bool { address != nil }
}

struct ConfigurationSectionTests {
  @Test func aSectionIsParsedAndPrintedWithItsSource() throws {
    var configuration = Configuration(sections: [LampSettings.self])
    #expect(configuration.sections[LampSettings.self].source == "default")
    #expect(!configuration.text().contains("lamp:"))
    try configuration.apply(text: "lamp:\n  address: here:1\n", file: "x.yaml")
    let setting = configuration.sections[LampSettings.self]
    #expect(setting.value.address == "here:1")
    let text = configuration.text()
    #expect(text.contains("lamp:\n  address: \"here:1\""), "\(text)")
    // Each key has its own source.
    let lines = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(
      lines.contains("address: \"here:1\" # x.yaml:2") && lines.contains("power: 5 # default"), "\(text)")
    try configuration.sections.set(LampSettings.self, "power", to: YAMLValue(text: "7", source: "--power"))
    #expect(configuration.text().contains("# --power"))
    let error = #expect(throws: DocumentError.self) {
      try configuration.sections.set(LampSettings.self, "power", to: YAMLValue(text: "0", source: "--power"))
    }
    #expect(error?.description == "--power: 0 is out of range; allowed: a whole number 1 to 100")
    var again = Configuration(sections: [LampSettings.self])
    try again.apply(text: text, file: "again")
    #expect(again.sections[LampSettings.self].value == setting.value)
    #expect(LampSettings.reference.contains("| `power` | `5` | 1 to 100 W: power of the lamp |"))
    #expect(again.sections != configuration.sections)
  }

  @Test func keysOfAbsentSectionsAreUnknown() {
    var configuration = Configuration()
    let error = #expect(throws: DocumentError.self) {
      try configuration.apply(text: "lamp: { address: a }", file: "x.yaml")
    }
    #expect(error?.line == 1)
  }
}
