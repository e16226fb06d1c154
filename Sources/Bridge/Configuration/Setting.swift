/// A value with where it came from, so that `--print-config` can say it.
public struct Setting<Value: Sendable & Equatable>: Sendable, Equatable {
  public var value: Value
  /// `default`, `file:line`, the name of an environment variable, or a flag.
  public var source: String

  public init(_ value: Value, from source: String = "default") {
    self.value = value
    self.source = source
  }
}
