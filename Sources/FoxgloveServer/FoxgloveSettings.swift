public import Settings
public import StrictYAML

/// The server for viewers of the Foxglove WebSocket protocol: `foxglove:` in the configuration. Tokens and certificate
/// are those of `http:`.
public struct FoxgloveSettings: ConfigurationSection {
  /// `HOST:PORT`; nil for no server. Viewers try port 8765 first.
  public var address: String?
  /// Poses per second and device.
  public var rate = 60.0
  /// Origins of web pages that may connect; programs send no origin.
  public var origins = ["https://app.foxglove.dev"]

  public init() {}

  public static let key = "foxglove"
  public static let about =
    "The server for viewers of the Foxglove WebSocket protocol. Off without an address; tokens and certificate are those of `http`."
  public var isOn: Bool { address != nil }

  public static let table: [SettingKey<Self>] = [
    SettingKey("address", \.address, ValueFormat.text.optional, "`HOST:PORT`"),
    SettingKey("rate_hz", \.rate, .number(1...1000), "poses per second and device"),
    SettingKey("origins", \.origins, .texts(0...100), "sites whose pages may connect"),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) { _ = try map.required("address") }
}
