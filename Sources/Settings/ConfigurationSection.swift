public import StrictYAML

/// A top-level section of the configuration file that a module above `Bridge` owns, such as the settings of an output.
public protocol ConfigurationSection: TabulatedSettings, Equatable {
  /// The section's key in the file, for example `foxglove`.
  static var key: String { get }
  /// Sentences of the reference before and after the table.
  static var about: String { get }

  /// Creates the settings that apply without the section: the output is off.
  init()

  /// Whether the section is printed: the output is on.
  var isOn: Bool { get }
}

extension ConfigurationSection {
  /// Parses the section; unknown keys and invalid values are errors with line and column.
  public init(_ value: YAMLValue) throws(DocumentError) {
    self.init()
    try apply(value)
  }

  /// The lines that `--print-config` prints below the key; empty while the output is off.
  public var lines: [ConfigurationLine] { isOn ? printed : [] }

  /// The section in the reference, as Markdown.
  public static var reference: String { "## \(key)\n\n\(about)\n\n" + reference(Self()) }
}
