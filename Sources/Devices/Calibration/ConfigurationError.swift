/// Why a device's stored configuration could not be used.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}
