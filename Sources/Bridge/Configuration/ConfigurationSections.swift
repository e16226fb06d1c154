public import Settings
public import StrictYAML

/// Settings of modules above `Bridge` by key of the configuration file, in the order of printing.
public struct ConfigurationSections: Sendable, Equatable {
  private var entries: [(key: String, setting: any SectionSetting)]

  /// Creates the sections with their defaults.
  init(_ types: [any ConfigurationSection.Type]) {
    entries = types.map { type in (type.key, Self.standard(type)) }
  }

  private static func standard<Section: ConfigurationSection>(_ type: Section.Type) -> any SectionSetting {
    Setting(Section())
  }

  var keys: [String] { entries.map(\.key) }

  /// The settings of a section; its defaults where the configuration was created without it.
  public subscript<Section: ConfigurationSection>(type: Section.Type) -> Setting<Section> {
    get {
      entries.first { $0.key == type.key }?.setting as? Setting<Section> ?? Setting(Section())
    }
    set {
      guard let index = entries.firstIndex(where: { $0.key == type.key }) else { return }
      entries[index].setting = newValue
    }
  }

  /// Sets one key of a section, for example from a flag.
  ///
  /// - Throws: `DocumentError` for an invalid value.
  public mutating func set<Section: ConfigurationSection>(
    _ type: Section.Type, _ key: String, to value: YAMLValue
  ) throws(DocumentError) {
    var setting = self[type]
    try setting.set(key, to: value)
    self[type] = setting
  }

  /// Replaces the sections that a file holds.
  mutating func apply(_ root: YAMLMapping) throws(DocumentError) {
    for index in entries.indices {
      guard let given = root[entries[index].key] else { continue }
      try entries[index].setting.replace(given)
    }
  }

  /// Each section that is on with its lines.
  var printed: [(key: String, lines: ConfigurationPart.Printed)] {
    entries.map { ($0.key, $0.setting.printedWhereOn) }
  }

  public static func == (left: Self, right: Self) -> Bool {
    left.entries.count == right.entries.count
      && zip(left.entries, right.entries).allSatisfy {
        $0.key == $1.key && $0.setting.isEqual(to: $1.setting)
      }
  }
}

/// A `Setting` of any section.
private protocol SectionSetting: Sendable {
  mutating func replace(_ given: YAMLValue) throws(DocumentError)
  /// Empty while the output is off.
  var printedWhereOn: ConfigurationPart.Printed { get }
  func isEqual(to other: any SectionSetting) -> Bool
}

extension Setting: SectionSetting where Value: ConfigurationSection {
  fileprivate mutating func replace(_ given: YAMLValue) throws(DocumentError) {
    self = Setting(Value())
    try apply(given)
  }

  fileprivate var printedWhereOn: ConfigurationPart.Printed { value.isOn ? printed : [] }

  fileprivate func isEqual(to other: any SectionSetting) -> Bool { self == other as? Self }
}
