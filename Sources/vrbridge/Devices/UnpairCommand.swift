import ArgumentParser
import Bridge
import CommandSupport
import Pairing

struct UnpairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpair",
    abstract: "Remove a paired device from this machine and from BlueZ.",
    discussion: discussion(examples: "vrbridge unpair AA:BB:CC:DD:EE:FF"))

  @Argument(help: "Address of the device; 'vrbridge pair --list' lists them.")
  var address: String

  func run() throws {
    let store = PairingStore(folder: Configuration().stateFolder)
    let removed = try store.remove(address: address)
    var isKnown = !removed.isEmpty
    if removed.allSatisfy({ $0.family != "slimevr" }), let bluetooth = try? BlueZ() {
      for device in try bluetooth.devices() where device.address.lowercased() == address.lowercased() {
        try bluetooth.remove(device)
        isKnown = true
      }
    }
    guard isKnown else {
      throw CommandError(
        "not-paired", "'\(address)' is not paired; 'vrbridge pair --list' lists paired devices")
    }
    print("\(address) is removed")
  }
}
