import CLinux
import Devices
import Diagnostics
import Foundation

/// Progress of pairing: for a terminal, or as JSON for a front end.
public struct PairingStep: Sendable, Codable, Equatable {
  public enum Name: String, Sendable, Codable {
    case bluetooth, settings, cable, address, unplug, search, pair, connect, receiver, data
  }
  public enum State: String, Sendable, Codable { case waiting, done, failed }
  public var step: Name
  public var state: State
  public var message: String
  /// The remedy for a failure.
  public var fix: String?

  public init(step: Name, state: State, message: String, fix: String? = nil) {
    self.step = step
    self.state = state
    self.message = message
    self.fix = fix
  }
}

/// Pairs one device. Pairing succeeds only when reports arrive over the new link.
public struct PairingMachine {
  public struct Timeouts: Sendable {
    /// Seconds for a person's actions: plugging in, pressing buttons.
    public var person = 120.0
    /// Seconds for a device's own actions.
    public var device = 20.0
    /// Seconds between two polls.
    public var poll = 0.25
    public init() {}
  }

  private let description: DeviceDescription
  private let pairing: PairingDescription
  private let bluetooth: () throws -> any Bluetooth
  private let hardware: any PairingHardware
  private let inputSettings: String?
  private let timeouts: Timeouts
  private let isCancelled: () -> Bool
  private let report: (PairingStep) -> Void
  /// Reports that prove the link.
  private static let proof = 10

  /// - Parameters:
  ///   - bluetooth: opens Bluetooth; called only where pairing needs it.
  ///   - inputSettings: text of BlueZ's `input.conf`; nil without such a file.
  ///   - report: called with each step.
  public init(
    _ description: DeviceDescription, bluetooth: @escaping () throws -> any Bluetooth,
    hardware: any PairingHardware, inputSettings: String?, timeouts: Timeouts = Timeouts(),
    isCancelled: @escaping () -> Bool, report: @escaping (PairingStep) -> Void
  ) throws(PairingError) {
    guard let pairing = description.pairing else {
      throw PairingError(
        "pairing-not-needed", "a \(description.name) needs no pairing", fix: "plug it in")
    }
    self.description = description
    self.pairing = pairing
    self.bluetooth = bluetooth
    self.hardware = hardware
    self.inputSettings = inputSettings
    self.timeouts = timeouts
    self.isCancelled = isCancelled
    self.report = report
  }

  /// Pairs the device.
  ///
  /// - Returns: its Bluetooth address; empty for a device behind a receiver.
  public func run() throws -> String {
    switch pairing.way {
    case .hostAddress: return try pairByCable()
    case .discovery: return try pairByDiscovery()
    case .receiver:
      try pairWithReceiver()
      return ""
    case .network:
      throw PairingError(
        "pairing-by-bridge", "network trackers are paired by the running bridge",
        fix: "vrbridge pair slimevr")
    }
  }

  // MARK: ways

  private func pairByCable() throws -> String {
    guard let addresses = pairing.addresses, let hostReport = pairing.hostReport else { return "" }
    let (bluetooth, adapter) = try openBluetooth()
    if pairing.isUnbonded {
      try step(.settings, "BlueZ accepts devices without a bond") {
        guard !BlueZSettings.refusesUnbonded(inputSettings) else {
          throw PairingError(
            "bluetooth-unbonded-refused", "BlueZ refuses a \(description.name), which has no bond",
            fix: BlueZSettings.allowUnbonded)
        }
      }
    }
    let address = try writeHost(adapter, addresses, hostReport)
    report(PairingStep(step: .unplug, state: .waiting, message: "unplug it"))
    try until(timeouts.person, .unplug, "it was not unplugged") { try hardware.cable(pairing) == nil }
    report(PairingStep(step: .unplug, state: .done, message: "unplugged"))
    try link(bluetooth, hint: pairing.hint) { $0.address.lowercased() == address }
    try data(bluetooth, address: address)
    return address
  }

  /// Writes this machine's address into the device on its cable and reads it back.
  private func writeHost(
    _ adapter: BluetoothAdapter, _ addresses: PairingDescription.Addresses,
    _ hostReport: (id: UInt8, length: Int, at: Int)
  ) throws -> String {
    report(
      PairingStep(
        step: .cable, state: .waiting, message: "plug the \(description.name) in with its USB cable"))
    var device: (any FeatureAccess)?
    try until(timeouts.person, .cable, "it was not plugged in") {
      device = try hardware.cable(pairing)
      return device != nil
    }
    report(PairingStep(step: .cable, state: .done, message: "found on its cable"))
    guard let device else { return "" }
    var own = ""
    try step(.address, "paired with this machine's adapter (\(adapter.address))") {
      let before = try read(addresses, device)
      own = Self.text(before[addresses.device..<(addresses.device + 6)])
      guard own != "00:00:00:00:00:00" else {
        throw PairingError(
          "device-address-missing", "the device reports no address; some copies can't be paired by cable")
      }
      var report = [UInt8](repeating: 0, count: hostReport.length)
      report[0] = hostReport.id
      let host = adapter.address.split(separator: ":").compactMap { UInt8($0, radix: 16) }
      guard host.count == 6 else {
        throw PairingError(
          "adapter-address-invalid", "the adapter's address '\(adapter.address)' is invalid")
      }
      report.replaceSubrange(hostReport.at..<(hostReport.at + 6), with: host.reversed())
      try device.setFeature(report)
      let after = Self.text(try read(addresses, device)[addresses.host..<(addresses.host + 6)])
      guard after == adapter.address.lowercased() else {
        throw PairingError(
          "device-address-refused", "the device did not store the address: it is still paired with \(after)",
          fix: "unplug it, plug it in and try again")
      }
    }
    return own
  }

  private func pairByDiscovery() throws -> String {
    let (bluetooth, _) = try openBluetooth()
    var address = ""
    try link(bluetooth, hint: pairing.hint) { device in
      guard !device.isPaired, pairing.names.contains(where: { device.name.contains($0) }) else {
        return false
      }
      address = device.address.lowercased()
      return true
    }
    try data(bluetooth, address: address)
    return address
  }

  private func pairWithReceiver() throws {
    report(PairingStep(step: .receiver, state: .waiting, message: "plug the receiver in"))
    var receiver: (any FeatureAccess)?
    try until(timeouts.person, .receiver, "no receiver was plugged in") {
      receiver = try hardware.cable(pairing)
      return receiver != nil
    }
    _ = hardware.reports(of: description, address: nil)
    // The receivers' command report is 64 bytes long.
    let command = pairing.command + [UInt8](repeating: 0, count: max(0, 64 - pairing.command.count))
    try step(.receiver, "the receiver accepts devices") { try receiver?.setFeature(command) }
    report(PairingStep(step: .pair, state: .waiting, message: pairing.hint))
    try data(nil, address: nil)
  }

  // MARK: steps

  private func openBluetooth() throws -> (any Bluetooth, BluetoothAdapter) {
    do {
      let bluetooth = try self.bluetooth()
      let adapter = try bluetooth.adapter()
      report(PairingStep(step: .bluetooth, state: .done, message: "adapter \(adapter.address) is on"))
      return (bluetooth, adapter)
    } catch {
      throw failed(.bluetooth, error)
    }
  }

  /// Searches until the device is found, then pairs, trusts and connects it.
  private func link(
    _ bluetooth: any Bluetooth, hint: String, isWanted: (BluetoothDevice) -> Bool
  ) throws {
    report(PairingStep(step: .search, state: .waiting, message: hint))
    do { try bluetooth.startDiscovery() } catch { throw failed(.search, error) }
    var isSearching = true
    defer { if isSearching { bluetooth.stopDiscovery() } }
    var device: BluetoothDevice?
    try until(
      timeouts.person, .search, "it was not found over Bluetooth", fix: { unseen(bluetooth, hint) },
      wait: bluetooth.wait
    ) {
      device = try bluetooth.devices().first(where: isWanted)
      return device != nil
    }
    bluetooth.stopDiscovery()
    isSearching = false
    guard let device else { return }
    report(PairingStep(step: .search, state: .done, message: "found as \(device.name) (\(device.address))"))
    try step(.pair, pairing.isUnbonded ? "trusted" : "paired and trusted", device: device) {
      if !pairing.isUnbonded, !device.isPaired {
        try BluetoothFailure.tolerating(BluetoothFailure.alreadyPaired) { try bluetooth.pair(device) }
      }
      try bluetooth.trust(device)
    }
    try step(.connect, "connected", device: device) {
      guard try bluetooth.devices().first(where: { $0.address == device.address })?.isConnected != true else {
        return
      }
      // A device may connect by itself meanwhile; its reports are the proof in every case.
      try BluetoothFailure.tolerating(BluetoothFailure.alreadyConnected) { try bluetooth.connect(device) }
    }
  }

  /// The remedy for a device that the search does not find. One that BlueZ has paired already answers no search.
  private func unseen(_ bluetooth: any Bluetooth, _ hint: String) -> String {
    let paired = ((try? bluetooth.devices()) ?? []).filter { device in
      device.isPaired && pairing.names.contains { device.name.contains($0) }
    }
    guard !paired.isEmpty else { return "\(hint), bring it within 2 m, and try again" }
    return "to pair \(paired.map(\.address).joined(separator: " or ")) again, remove its pairing first: "
      + paired.map { "bluetoothctl remove \($0.address)" }.joined(separator: " or ")
  }

  private func data(_ bluetooth: (any Bluetooth)?, address: String?) throws {
    report(PairingStep(step: .data, state: .waiting, message: "waiting for its reports"))
    var count = 0
    let seconds = address == nil ? timeouts.person : timeouts.device
    try until(
      seconds, .data, address == nil ? "no report came" : "it is connected, but no report came",
      fix: { "switch it off and on, and try again; 'vrbridge doctor' shows whether it can be opened" },
      wait: bluetooth?.wait
    ) {
      count += hardware.reports(of: description, address: address)
      return count >= Self.proof
    }
    report(PairingStep(step: .data, state: .done, message: "its reports arrive: paired"))
  }

  /// Runs `body` and reports its success, or its error.
  private func step(
    _ name: PairingStep.Name, _ success: String, device: BluetoothDevice? = nil, _ body: () throws -> Void
  ) throws {
    do {
      try body()
    } catch {
      throw failed(name, error, device: device)
    }
    report(PairingStep(step: name, state: .done, message: success))
  }

  private func failed(
    _ name: PairingStep.Name, _ error: any Error, device: BluetoothDevice? = nil
  ) -> PairingError {
    let failure =
      switch error {
      case let error as PairingError: error
      case let error as DBusCallError: BluetoothFailure.describe(error, device: device)
      default:
        PairingError(
          "pairing-step-failed", error.reason,
          fix: "unplug the device, plug it in, and try again")
      }
    report(
      PairingStep(
        step: name, state: .failed, message: failure.problem, fix: failure.fix.isEmpty ? nil : failure.fix))
    return failure
  }

  /// Polls until the condition holds.
  private func until(
    _ seconds: Double, _ name: PairingStep.Name, _ failure: String,
    fix: () -> String = { "try again" },
    wait: ((Double) throws -> Void)? = nil, _ condition: () throws -> Bool
  ) throws {
    let end = linux_monotonic_ns() + Int64(seconds * 1e9)
    do {
      while try !condition() {
        guard !isCancelled() else { throw PairingError("pairing-cancelled", "pairing was cancelled") }
        guard linux_monotonic_ns() < end else {
          throw PairingError("pairing-timeout", "\(failure) within \(Int(seconds)) s", fix: fix())
        }
        if let wait { try wait(timeouts.poll) } else { Thread.sleep(forTimeInterval: timeouts.poll) }
      }
    } catch {
      throw failed(name, error)
    }
  }

  private func read(
    _ addresses: PairingDescription.Addresses, _ device: any FeatureAccess
  ) throws -> [UInt8] {
    let reply = try device.getFeature(id: addresses.id, length: addresses.length)
    guard reply.count >= max(addresses.device, addresses.host) + 6, reply[0] == addresses.id else {
      throw PairingError(
        "device-address-reply", "the device's reply to the request for its address is invalid")
    }
    return reply
  }

  /// The report holds the lowest byte first; the notation starts with the highest.
  private static func text(_ bytes: some BidirectionalCollection<UInt8>) -> String {
    bytes.reversed().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}
