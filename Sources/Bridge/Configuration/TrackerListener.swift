import Devices
import Glibc
public import Settings
import StrictYAML

/// Where trackers of the network are expected.
public struct TrackerListener: Sendable, Equatable {
  /// IPv4 address of one interface of this machine; loopback unless set.
  public var address = "127.0.0.1"
  public var port = SlimeVRServer.standardPort
  /// Whether trackers need not be paired.
  public var acceptsAll = false

  public init() {}

  /// - Returns: why the address can't be listened on, or nil.
  static func problem(_ address: String) -> String? {
    var parsed = in_addr()
    guard inet_pton(AF_INET, address, &parsed) == 1 else { return "'\(address)' is no IPv4 address" }
    return parsed.s_addr == 0 ? "0.0.0.0 opens the port on all interfaces; choose the address of one" : nil
  }

  /// - Parameter text: `ADDRESS[:PORT]`, from a command line.
  public init(text: String) throws(StartError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if let first = parts.first, !first.isEmpty { address = String(first) }
    if parts.count == 2 {
      guard let number = UInt16(parts[1]) else {
        throw StartError(
          "port-invalid", "'\(parts[1])' is no port; allowed: 0 to 65535")
      }
      port = number
    }
    if let problem = Self.problem(address) { throw StartError("address-invalid", problem) }
  }
}

extension TrackerListener: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "address", "IPv4 address of one interface of this machine; not `0.0.0.0`",
      parse: { (value, listener) throws(DocumentError) in
        listener.address = try value.string()
        if let problem = problem(listener.address) {
          throw value.error(problem, allowed: "the IPv4 address of one interface, such as 192.168.1.10")
        }
      }, lines: { [ConfigurationLine("address", quotedYAML($0.address))] }),
    SettingKey(
      "port", \.port, ValueFormat.integer(0...65_535).mapped(to: { UInt16($0) }, from: { Int($0) }),
      "UDP port"),
    SettingKey(
      "accept", \.acceptsAll, .choice(of: [("paired", false), ("all", true)]), "trackers that are accepted"),
  ]
}
