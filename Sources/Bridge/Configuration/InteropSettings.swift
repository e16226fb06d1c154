import StrictYAML

/// Other tools' protocols: `interop:` in the configuration. Each is off until it is named.
public struct InteropSettings: Sendable, Equatable {
  /// Where poses are sent.
  public struct Target: Sendable, Equatable {
    /// opentrack, vrchat or vmc.
    public var format: String
    /// `HOST:PORT`.
    public var target: String
    /// Datagrams a second.
    public var rate: Double
  }
  /// `HOST:PORT` of the VRPN server; nil for none.
  public var vrpn: String?
  /// Other machines may connect to it; nothing in VRPN asks who they are.
  public var isVRPNOpen = false
  /// Poses a second and device.
  public var vrpnRate = 100.0
  public var targets: [Target] = []

  public static let formats = ["opentrack", "vrchat", "vmc"]
  static let keys: [String: [String]] = [
    "interop": ["vrpn"] + formats, "vrpn": ["address", "open", "rate_hz"], "target": ["target", "rate_hz"],
  ]
  /// Where each of them listens when nobody says, and how often opentrack itself sends.
  private static let standard: [String: (target: String, rate: Double)] = [
    "opentrack": ("127.0.0.1:4242", 250), "vrchat": ("127.0.0.1:9000", 60), "vmc": ("127.0.0.1:39540", 60),
  ]

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys["interop"] ?? [])
    if let given = try map["vrpn"]?.mapping(keys: Self.keys["vrpn"] ?? []) {
      vrpn = try given["address"]?.string() ?? "127.0.0.1:3883"
      isVRPNOpen = try given["open"]?.boolean() ?? false
      if let rate = given["rate_hz"] { vrpnRate = try rate.number(in: 1...1000) }
    }
    for format in Self.formats {
      guard let given = try map[format]?.mapping(keys: Self.keys["target"] ?? []),
        let standard = Self.standard[format]
      else { continue }
      targets.append(
        Target(
          format: format, target: try given["target"]?.string() ?? standard.target,
          rate: try given["rate_hz"]?.number(in: 1...1000) ?? standard.rate))
    }
  }

  var lines: [(key: String, value: String)] {
    var list: [(String, String)] = []
    if let vrpn {
      list.append(("vrpn", "{ address: \(quotedYAML(vrpn)), open: \(isVRPNOpen), rate_hz: \(vrpnRate) }"))
    }
    for target in targets {
      list.append((target.format, "{ target: \(quotedYAML(target.target)), rate_hz: \(target.rate) }"))
    }
    return list
  }
}
