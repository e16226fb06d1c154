import Settings
import StrictYAML

/// A top-level key of the configuration file that belongs to `Configuration`: parsing, printing and reference.
struct ConfigurationPart: Sendable {
  typealias Printed = [(line: ConfigurationLine, source: String)]

  let key: String
  let apply: @Sendable (YAMLValue, inout Configuration) throws(DocumentError) -> Void
  /// Empty for a part that is not printed.
  let printed: @Sendable (Configuration) -> Printed
  /// Markdown below the heading.
  let reference: @Sendable () -> String

  /// A part whose keys are properties of `Configuration`, each with a source of its own.
  init(_ key: String, _ about: String, keys: [ConfigurationKey]) {
    self.key = key
    apply = { (value, configuration) throws(DocumentError) in
      let map = try value.mapping(keys: keys.map(\.row.name))
      for key in keys {
        guard let given = map[key.row.name] else { continue }
        try key.row.parse(given, &configuration)
      }
    }
    printed = { configuration in
      keys.flatMap { key in key.row.lines(configuration).map { ($0, key.source(configuration)) } }
    }
    reference = { about + "\n\n" + keys.map(\.row).reference(Configuration(environment: [:])) }
  }

  /// A part with a settings type of its own.
  ///
  /// - Parameters:
  ///   - notes: Markdown after the table.
  ///   - isPrinted: whether a value is printed.
  init<Value: TabulatedSettings & Equatable>(
    _ key: String, _ about: String, _ path: any (WritableKeyPath<Configuration, Setting<Value>> & Sendable),
    notes: String = "",
    isPrinted: @escaping @Sendable (Value) -> Bool = { _ in true }
  ) {
    self.key = key
    apply = { (value, configuration) throws(DocumentError) in
      try configuration[keyPath: path].apply(value)
    }
    printed = { isPrinted($0[keyPath: path].value) ? $0[keyPath: path].printed : [] }
    reference = {
      about + "\n\n" + Value.reference(Configuration(environment: [:])[keyPath: path].value) + notes
    }
  }

  /// A part that is off while it is absent.
  ///
  /// - Parameter standard: the settings of an empty part.
  init<Value: TabulatedSettings & Equatable>(
    _ key: String, _ about: String, _ path: any (WritableKeyPath<Configuration, Setting<Value?>> & Sendable),
    standard: Value
  ) {
    self.key = key
    apply = { (value, configuration) throws(DocumentError) in
      var settings = standard
      try settings.apply(value)
      configuration[keyPath: path] = Setting(settings, from: value.origin)
    }
    printed = { configuration in
      let setting = configuration[keyPath: path]
      return setting.value?.printed.map { ($0, setting.source) } ?? []
    }
    reference = { about + "\n\n" + Value.reference(standard) }
  }

  /// A part that is a list of settings.
  init<Value: TabulatedSettings & Equatable>(
    _ key: String, _ about: String,
    list path: any (WritableKeyPath<Configuration, Setting<[Value]>> & Sendable),
    count: ClosedRange<Int>, standard: Value
  ) {
    self.key = key
    apply = { (value, configuration) throws(DocumentError) in
      var list: [Value] = []
      for item in try value.list(count: count) {
        var settings = standard
        try settings.apply(item)
        list.append(settings)
      }
      configuration[keyPath: path] = Setting(list, from: value.origin)
    }
    printed = { configuration in
      let setting = configuration[keyPath: path]
      return setting.value.map { (ConfigurationLine("-", $0.inline), setting.source) }
    }
    reference = { about + "\n\n" + Value.reference(standard) }
  }
}

/// A key that sets a property of `Configuration`.
struct ConfigurationKey: Sendable {
  let row: SettingKey<Configuration>
  let source: @Sendable (Configuration) -> String

  init<Value>(
    _ name: String, _ path: any (WritableKeyPath<Configuration, Setting<Value>> & Sendable),
    _ format: ValueFormat<Value>, _ meaning: String, standard: String? = nil
  ) {
    row = SettingKey(
      name, [format.allowed, meaning].filter { !$0.isEmpty }.joined(separator: ": "), standard: standard,
      parse: { (value, configuration) throws(DocumentError) in
        configuration[keyPath: path] = Setting(try format.parse(value), from: value.origin)
      },
      lines: { configuration in
        format.print(configuration[keyPath: path].value).map { [ConfigurationLine(name, $0)] } ?? []
      })
    source = { $0[keyPath: path].source }
  }
}
