import Diagnostics
import Glibc

/// The Bluetooth functions that pairing uses; `BlueZ` implements them.
public protocol Bluetooth: AnyObject {
  /// Returns the first adapter, switched on.
  func adapter() throws -> BluetoothAdapter
  func devices() throws -> [BluetoothDevice]
  /// Searches for devices until `stopDiscovery`.
  func startDiscovery() throws
  func stopDiscovery()
  func pair(_ device: BluetoothDevice) throws
  func trust(_ device: BluetoothDevice) throws
  func connect(_ device: BluetoothDevice) throws
  func remove(_ device: BluetoothDevice) throws
  /// Waits for a number of seconds, and replies to requests of Bluetooth meanwhile.
  func wait(_ seconds: Double) throws
}

public struct BluetoothAdapter: Sendable, Equatable {
  public var path: String
  /// `AA:BB:CC:DD:EE:FF`
  public var address: String
  public var name: String
  public init(path: String, address: String, name: String) {
    self.path = path
    self.address = address
    self.name = name
  }
}

public struct BluetoothDevice: Sendable, Equatable {
  public var path: String
  public var address: String
  public var name: String
  public var isPaired: Bool
  public var isTrusted: Bool
  public var isConnected: Bool
  public init(
    path: String, address: String, name: String, isPaired: Bool = false, isTrusted: Bool = false,
    isConnected: Bool = false
  ) {
    self.path = path
    self.address = address
    self.name = name
    self.isPaired = isPaired
    self.isTrusted = isTrusted
    self.isConnected = isConnected
  }
}

/// BlueZ on the system bus (doc/org.bluez.*.rst of its source).
public final class BlueZ: Bluetooth {
  private let bus: DBusConnection
  private static let service = "org.bluez"
  private static let agentPath = "/org/vrbridge/agent"
  private var chosen: BluetoothAdapter?

  /// Connects to BlueZ and registers an agent that confirms pairing.
  public init() throws(PairingError) {
    do {
      bus = try DBusConnection()
    } catch {
      guard error.name != "org.freedesktop.DBus.Error.AccessDenied" else {
        throw BluetoothFailure.describe(error, device: nil)
      }
      throw PairingError(
        "system-bus-unreachable", "the system bus can't be reached: \(error)",
        fix: "sudo systemctl start dbus; in a container, mount /run/dbus/system_bus_socket")
    }
    bus.handler = { path, interface, member, _ in
      guard path == Self.agentPath, interface == "org.bluez.Agent1" else { return nil }
      // A game controller has neither display nor keys; its owner started pairing.
      switch member {
      case "RequestConfirmation", "RequestAuthorization", "AuthorizeService", "Cancel", "Release": return []
      case "RequestPinCode": return [.string("0000")]
      case "RequestPasskey": return [.integer(0)]
      default: return nil
      }
    }
    do {
      try bus.call(
        Self.service, "/org/bluez", "org.bluez.AgentManager1", "RegisterAgent",
        [.objectPath(Self.agentPath), .string("NoInputNoOutput")])
      try bus.call(
        Self.service, "/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent",
        [.objectPath(Self.agentPath)])
    } catch {
      throw BluetoothFailure.describe(error, device: nil)
    }
  }

  deinit {
    _ = try? bus.call(
      Self.service, "/org/bluez", "org.bluez.AgentManager1", "UnregisterAgent", [.objectPath(Self.agentPath)],
      timeout: 2)
  }

  private func objects() throws(DBusCallError) -> [(key: String, value: DBusValue)] {
    try bus.call(Self.service, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects").first?.pairs
      ?? []
  }

  private func set(_ path: String, _ interface: String, _ property: String, _ value: DBusValue) throws {
    try bus.call(
      Self.service, path, "org.freedesktop.DBus.Properties", "Set",
      [.string(interface), .string(property), .variant(value)])
  }

  public func adapter() throws -> BluetoothAdapter {
    let found = try objects().compactMap { object -> (BluetoothAdapter, Bool)? in
      guard let properties = object.value["org.bluez.Adapter1"], let address = properties["Address"]?.text
      else {
        return nil
      }
      return (
        BluetoothAdapter(path: object.key, address: address, name: properties["Name"]?.text ?? ""),
        properties["Powered"]?.isTrue ?? false
      )
    }
    guard let (adapter, isPowered) = found.sorted(by: { $0.0.path < $1.0.path }).first else {
      throw PairingError(
        "bluetooth-adapter-missing", "this machine has no Bluetooth adapter",
        fix: "plug one in; 'rfkill list' shows one that is blocked")
    }
    if !isPowered {
      do { try set(adapter.path, "org.bluez.Adapter1", "Powered", .boolean(true)) } catch {
        let failure = (error as? DBusCallError).map { BluetoothFailure.describe($0, device: nil) }
        if let failure, failure.code == "bluetooth-access-denied" { throw failure }
        throw PairingError(
          "bluetooth-adapter-off", "the Bluetooth adapter can't be switched on: \(error)",
          fix: "rfkill unblock bluetooth")
      }
    }
    chosen = adapter
    return adapter
  }

  public func devices() throws -> [BluetoothDevice] {
    try objects().compactMap { object in
      guard let properties = object.value["org.bluez.Device1"], let address = properties["Address"]?.text
      else {
        return nil
      }
      return BluetoothDevice(
        path: object.key, address: address,
        name: properties["Name"]?.text ?? properties["Alias"]?.text ?? "",
        isPaired: properties["Paired"]?.isTrue ?? false, isTrusted: properties["Trusted"]?.isTrue ?? false,
        isConnected: properties["Connected"]?.isTrue ?? false)
    }
  }

  public func startDiscovery() throws {
    let adapter = try chosen ?? adapter()
    // Without a filter of its own a search shares that of other programs.
    try bus.call(
      Self.service, adapter.path, "org.bluez.Adapter1", "SetDiscoveryFilter",
      [.dictionary([(.string("Transport"), .variant(.string("auto")))])])
    try BluetoothFailure.tolerating(BluetoothFailure.alreadySearching) {
      try bus.call(Self.service, adapter.path, "org.bluez.Adapter1", "StartDiscovery")
    }
  }

  public func stopDiscovery() {
    // It may have ended by itself.
    if let chosen { _ = try? bus.call(Self.service, chosen.path, "org.bluez.Adapter1", "StopDiscovery") }
  }

  public func pair(_ device: BluetoothDevice) throws {
    try bus.call(Self.service, device.path, "org.bluez.Device1", "Pair", timeout: 45)
  }

  public func trust(_ device: BluetoothDevice) throws {
    try set(device.path, "org.bluez.Device1", "Trusted", .boolean(true))
  }

  public func connect(_ device: BluetoothDevice) throws {
    try bus.call(Self.service, device.path, "org.bluez.Device1", "Connect", timeout: 45)
  }

  public func remove(_ device: BluetoothDevice) throws {
    let adapter = try chosen ?? adapter()
    try bus.call(
      Self.service, adapter.path, "org.bluez.Adapter1", "RemoveDevice", [.objectPath(device.path)])
  }

  public func wait(_ seconds: Double) throws { try bus.serve(for: seconds) }
}

/// Why a device can't be paired, and the remedy.
public struct PairingError: CodedError {
  public var code: String
  public var problem: String
  /// A command or an instruction; empty without a known remedy.
  public var fix: String
  public init(_ code: String, _ problem: String, fix: String = "") {
    self.code = code
    self.problem = problem
    self.fix = fix
  }
  public var description: String { fix.isEmpty ? problem : "\(problem); \(fix)" }
}
