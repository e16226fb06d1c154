import StrictYAML

/// Where viewers of the Foxglove WebSocket protocol are served: `foxglove:` in the configuration. Tokens and certificate
/// are those of `http:`.
public struct ViewerSettings: Sendable, Equatable {
  /// `HOST:PORT`; nil for none. Viewers look at port 8765 first.
  public var address: String?
  /// Poses a second and device.
  public var rate = 60.0
  /// Sites whose pages may connect, beside programs.
  public var origins = ["https://app.foxglove.dev"]

  static let keys = ["address", "rate_hz", "origins"]

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys)
    address = try map.required("address").string()
    if let given = map["rate_hz"] { rate = try given.number(in: 1...1000) }
    if let given = map["origins"] {
      origins = []
      for item in try given.list(count: 0...100) { origins.append(try item.string()) }
    }
  }

  var lines: [(key: String, value: String)] {
    guard let address else { return [] }
    return [
      ("address", quotedYAML(address)), ("rate_hz", String(rate)),
      ("origins", "[" + origins.map(quotedYAML).joined(separator: ", ") + "]"),
    ]
  }
}
