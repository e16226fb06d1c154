/// A line of the printed configuration, without its source.
public struct ConfigurationLine: Sendable, Equatable {
  /// Levels below the top of the file.
  public var indent: Int
  /// `-` for an item of a list.
  public var key: String
  /// YAML on one line; empty for a key whose value follows on deeper lines.
  public var value: String

  public init(_ key: String, _ value: String, indent: Int = 1) {
    self.indent = indent
    self.key = key
    self.value = value
  }

  /// The line on a deeper level.
  public func indented(by levels: Int) -> ConfigurationLine {
    ConfigurationLine(key, value, indent: indent + levels)
  }
}
