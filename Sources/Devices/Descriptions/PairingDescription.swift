import Sensing
import StrictYAML

/// How a device of the family is made to talk to this machine.
public struct PairingDescription: Sendable {
  public enum Way: String, Sendable, CaseIterable {
    /// On its cable the device is told this machine's Bluetooth address; then it connects by itself.
    case hostAddress = "host_address"
    /// The device is found and paired over Bluetooth.
    case discovery
    /// The receiver is told to listen, and the device to look for it.
    case receiver
    /// The device has found the bridge over the network and waits to be let in.
    case network
  }

  /// A feature report that holds Bluetooth addresses, lowest byte first.
  public struct Addresses: Sendable {
    public var id: UInt8
    public var length: Int
    /// Byte of the device's own address.
    public var device: Int
    /// Byte of the address of the machine that it belongs to.
    public var host: Int
  }

  public var way: Way
  /// What it is on its cable, or what its receiver is.
  public var cable: [MatchRule]
  public var addresses: Addresses?
  /// The feature report that takes the address of the machine: id, length, byte.
  public var hostReport: (id: UInt8, length: Int, at: Int)?
  /// The device has no bond; Bluetooth must be told to let it in all the same.
  public var isUnbonded: Bool
  /// Names that it goes by over Bluetooth.
  public var names: [String]
  /// What the person has to do with the device.
  public var hint: String
  /// Feature report for the receiver.
  public var command: [UInt8]

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: DescriptionParser.keys["pairing"] ?? [])
    way = try map.required("way").choice(Way.allCases.map { ($0.rawValue, $0) })
    var rules: [MatchRule] = []
    for item in try map["cable"]?.list(count: 1...16) ?? [] { rules.append(try PartParser.matchRule(item)) }
    cable = rules
    let longest = ReportLimits.longest
    if let given = try map["addresses"]?.mapping(keys: DescriptionParser.keys["pairing_addresses"] ?? []) {
      let length = try given.required("length").integer(in: 13...longest)
      addresses = Addresses(
        id: UInt8(try given.required("id").integer(in: 1...255)), length: length,
        device: try given.required("device").integer(in: 1...(length - 6)),
        host: try given.required("host").integer(in: 1...(length - 6)))
    }
    if let given = try map["host_report"]?.mapping(keys: DescriptionParser.keys["pairing_host"] ?? []) {
      let length = try given.required("length").integer(in: 7...longest)
      hostReport = (
        UInt8(try given.required("id").integer(in: 1...255)), length,
        try given.required("at").integer(in: 1...(length - 6))
      )
    }
    isUnbonded = try map["bond"]?.choice([("usual", 0), ("none", 1)]) == 1
    names =
      try map["names"].map { value throws(DocumentError) in
        try DescriptionParser.strings(value, count: 1...16)
      } ?? []
    hint = try map.required("hint").string()
    command =
      try map["command"].map { value throws(DocumentError) in
        try DescriptionParser.bytes(value, count: 1...longest)
      } ?? []
    switch way {
    case .hostAddress where cable.isEmpty || addresses == nil || hostReport == nil:
      throw map.error("'host_address' needs 'cable', 'addresses' and 'host_report'")
    case .discovery where names.isEmpty: throw map.error("'discovery' needs 'names'")
    case .receiver where cable.isEmpty || command.isEmpty:
      throw map.error("'receiver' needs 'cable' and 'command'")
    default: break
    }
  }
}
