import Devices
import Glibc
import StrictYAML

/// Where trackers of the network are expected.
public struct TrackerListener: Sendable, Equatable {
  /// IPv4 address of one interface of this machine; loopback unless set.
  public var address = "127.0.0.1"
  public var port = SlimeVRServer.standardPort
  /// Whether trackers need not be paired.
  public var acceptsAll = false

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Configuration.keys["slimevr"] ?? [])
    if let given = map["address"] {
      address = try given.string()
      if let problem = Self.problem(address) {
        throw given.error(problem, allowed: "the IPv4 address of one interface, such as 192.168.1.10")
      }
    }
    if let given = map["port"] { port = UInt16(try given.integer(in: 0...65_535)) }
    if let given = map["accept"] { acceptsAll = try given.choice([("paired", 0), ("all", 1)]) == 1 }
  }

  /// - Returns: why the address can't be listened on, or nil.
  static func problem(_ address: String) -> String? {
    var parsed = in_addr()
    guard inet_pton(AF_INET, address, &parsed) == 1 else { return "'\(address)' is no IPv4 address" }
    return parsed.s_addr == 0 ? "0.0.0.0 is every interface, also those towards strangers" : nil
  }

  /// - Parameter text: `ADDRESS[:PORT]`, from a command line.
  public init(text: String) throws(StartError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if let first = parts.first, !first.isEmpty { address = String(first) }
    if parts.count == 2 {
      guard let number = UInt16(parts[1]) else { throw StartError("'\(parts[1])' is no port") }
      port = number
    }
    if let problem = Self.problem(address) { throw StartError(problem) }
  }
}
