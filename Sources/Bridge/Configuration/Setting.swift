import Settings
import StrictYAML

/// A value with its source, which `--print-config` prints.
public struct Setting<Value: Sendable & Equatable>: Sendable, Equatable {
  public var value: Value
  /// `default`, `file:line`, the name of an environment variable, or a flag.
  public var source: String
  /// The sources of keys of a section that were set one by one.
  private var keySources: [String: String] = [:]

  public init(_ value: Value, from source: String = "default") {
    self.value = value
    self.source = source
  }

  /// Returns the source of a key of a section.
  func source(of key: String) -> String { keySources[key] ?? source }
}

extension Setting where Value: TabulatedSettings {
  /// Applies the keys of a section of a file; the other keys keep their values and sources.
  mutating func apply(_ given: YAMLValue) throws(DocumentError) {
    try value.apply(given)
    for pair in try given.pairs() { keySources[try pair.key.string()] = pair.value.origin }
  }

  /// Sets one key, for example from a flag.
  public mutating func set(_ key: String, to given: YAMLValue) throws(DocumentError) {
    try value.set(key, to: given)
    keySources[key] = given.origin
  }

  /// The lines that print the section, with their sources.
  var printed: [(line: ConfigurationLine, source: String)] {
    Value.table.flatMap { key in key.lines(value).map { ($0, source(of: key.name)) } }
  }
}

extension YAMLValue {
  /// `file:line`, or the flag that gave the value.
  var origin: String { line > 0 ? "\(file):\(line)" : file }
}
