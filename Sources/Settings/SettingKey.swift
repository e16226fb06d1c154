public import StrictYAML

/// A key of a settings type: the row of a table from which it is parsed, printed and documented.
public struct SettingKey<Owner: Sendable>: Sendable {
  public typealias Path<Value> = any (WritableKeyPath<Owner, Value> & Sendable)

  public let name: String
  /// Allowed values and meaning, as Markdown.
  public let meaning: String
  /// The default as Markdown; nil where it is what a new owner prints.
  public let standard: String?
  public let parse: @Sendable (YAMLValue, inout Owner) throws(DocumentError) -> Void
  /// Returns the lines that print the value; empty while it is absent.
  public let lines: @Sendable (Owner) -> [ConfigurationLine]

  /// - Parameters:
  ///   - meaning: allowed values and meaning, as Markdown.
  ///   - standard: the default as Markdown; nil where it is what a new owner prints.
  public init(
    _ name: String, _ meaning: String, standard: String? = nil,
    parse: @escaping @Sendable (YAMLValue, inout Owner) throws(DocumentError) -> Void,
    lines: @escaping @Sendable (Owner) -> [ConfigurationLine]
  ) {
    self.name = name
    self.meaning = meaning
    self.standard = standard
    self.parse = parse
    self.lines = lines
  }

  /// A key of one property.
  ///
  /// - Parameter meaning: appended to the allowed values of the format.
  public init<Value>(
    _ name: String, _ path: Path<Value>, _ format: ValueFormat<Value>, _ meaning: String,
    standard: String? = nil
  ) {
    self.init(
      name, [format.allowed, meaning].filter { !$0.isEmpty }.joined(separator: ": "), standard: standard,
      parse: { (value, owner) throws(DocumentError) in owner[keyPath: path] = try format.parse(value) },
      lines: { owner in
        format.print(owner[keyPath: path]).map { [ConfigurationLine(name, $0)] } ?? []
      })
  }

  /// A key whose value is a mapping with a table of its own, printed on one line.
  public init<Value: TabulatedSettings>(
    _ name: String, _ path: Path<Value>, _ meaning: String, standard: String? = nil
  ) {
    self.init(
      name, meaning, standard: standard,
      parse: { (value, owner) throws(DocumentError) in try owner[keyPath: path].apply(value) },
      lines: { [ConfigurationLine(name, $0[keyPath: path].inline)] })
  }
}
