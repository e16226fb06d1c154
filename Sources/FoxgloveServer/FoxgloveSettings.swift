import HTTPServer
public import Settings
public import StrictYAML

/// The server for viewers of the Foxglove WebSocket protocol: `foxglove:` in the configuration. Tokens and certificate
/// are those of `http:`.
public struct FoxgloveSettings: ConfigurationSection {
  /// `HOST:PORT`; nil for no server. Viewers try port 8765 first.
  public var address: String?
  /// Poses per second and device.
  public var rate = 60.0
  /// Origins of web pages that may connect, as `OriginPattern` parses them; most programs send no origin.
  public var origins = ["https://app.foxglove.dev"]

  public init() {}

  public static let key = "foxglove"
  public static let about =
    "The server for viewers of the Foxglove WebSocket protocol. Off without an address; tokens and certificate are those of `http`."
  public var isOn: Bool { address != nil }

  public static let table: [SettingKey<Self>] = [
    SettingKey("address", \.address, ValueFormat.text.optional, "`HOST:PORT`"),
    SettingKey("rate_hz", \.rate, .number(1...1000), "poses per second and device"),
    SettingKey(
      "origins", \.origins, .origins,
      "sites whose pages may connect, such as `https://HOST`, `http://localhost:*` (any port), `file://` (desktop programs and files) and `null` (pages without an origin)"
    ),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) { _ = try map.required("address") }
}

extension ValueFormat where Value == [String] {
  /// Patterns of origins.
  fileprivate static let origins = ValueFormat(
    allowed: "",
    parse: { (value) throws(DocumentError) in
      var list: [String] = []
      for item in try value.list(count: 0...100) {
        let text = try item.string()
        guard OriginPattern(text) != nil else {
          throw item.error("'\(text)' is no origin", allowed: OriginPattern.allowed)
        }
        list.append(text)
      }
      return list
    }, print: ValueFormat.texts().print)
}
