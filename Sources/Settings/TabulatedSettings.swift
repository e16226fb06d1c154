public import StrictYAML

/// Settings that are defined by a table of keys, from which parsing, printing and the reference derive.
public protocol TabulatedSettings: Sendable {
  static var table: [SettingKey<Self>] { get }

  /// Checks values that depend on each other, after the keys of a mapping were applied.
  mutating func validate(_ map: YAMLMapping) throws(DocumentError)
}

extension TabulatedSettings {
  public mutating func validate(_ map: YAMLMapping) throws(DocumentError) {}

  /// Applies the keys of a mapping; the other values stay.
  ///
  /// - Parameter table: nil for the type's own.
  /// - Throws: `DocumentError` for unknown keys and invalid values, with line and column.
  public mutating func apply(_ value: YAMLValue, table: [SettingKey<Self>]? = nil) throws(DocumentError) {
    let table = table ?? Self.table
    let map = try value.mapping(keys: table.map(\.name))
    for key in table {
      guard let given = map[key.name] else { continue }
      try key.parse(given, &self)
    }
    try validate(map)
  }

  /// Applies one key, for example from a flag.
  ///
  /// - Throws: `DocumentError` for an invalid value, and for a key that the table lacks.
  public mutating func set(_ name: String, to value: YAMLValue) throws(DocumentError) {
    guard let key = Self.table.first(where: { $0.name == name }) else {
      throw value.error("unknown key '\(name)'", allowed: Self.table.map(\.name).joined(separator: ", "))
    }
    try key.parse(value, &self)
  }

  /// All keys with their values, as lines of the configuration.
  public var printed: [ConfigurationLine] { Self.table.flatMap { $0.lines(self) } }

  /// All keys with their values, as YAML on one line.
  public var inline: String {
    "{ " + printed.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + " }"
  }

  /// The table as Markdown: key, default, allowed values and meaning.
  ///
  /// - Parameter standard: settings with the defaults.
  public static func reference(_ standard: Self) -> String { table.reference(standard) }
}

extension Array {
  /// The keys as a table in Markdown: key, default, allowed values and meaning.
  ///
  /// - Parameter standard: settings with the defaults.
  public func reference<Owner>(_ standard: Owner) -> String where Element == SettingKey<Owner> {
    let rows = map { key in
      let lines = key.lines(standard)
      let value = key.standard ?? (lines.count == 1 ? "`\(lines[0].value)`" : "none")
      return "| `\(key.name)` | \(value) | \(key.meaning.replacing("|", with: "\\|")) |\n"
    }
    return "| key | default | allowed values, meaning |\n|---|---|---|\n" + rows.joined()
  }
}
