import ArgumentParser
import BridgeClient
import BridgeProtocol
import Foundation
import Sensing

struct AssignCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assign",
    abstract: "Give a device its role.",
    usage: """
      vrbridge assign <device> <role> [--socket <socket>]
      vrbridge assign --press <role> [--timeout <seconds>] [--socket <socket>]
      """,
    discussion: """
      The bridge remembers it, by serial number or, for a device without one, by where it is plugged in. A device that \
      had the role takes the other's. Roles in the configuration are stronger.
      """)

  @Argument(
    help: ArgumentHelp(
      "Number, serial number or present role; 'vrbridge devices' shows them. Not with --press.",
      valueName: "device"))
  var names: [String] = []

  @Option(
    help: ArgumentHelp(
      "Give this role to the device on which a button is pressed next.", valueName: "role"))
  var press: String?

  @Option(help: "With --press, seconds to wait.")
  var timeout = 30.0

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func run() async throws {
    let roleName: String
    switch (names.count, press) {
    case (2, nil): roleName = names[1]
    case (0, let name?): roleName = name
    default: throw ValidationError("name a device and its role, or use --press ROLE")
    }
    guard let wanted = DeviceRole(name: roleName.replacing("-", with: "_")) else {
      throw ValidationError(
        "there is no role '\(roleName)'; allowed: \(DeviceRole.allCases.map(\.name).joined(separator: ", "))")
    }
    guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout: above 0 and at most 3600") }
    do {
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge assign")
      let devices = try connection.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
      let chosen =
        press == nil
        ? try devices.named(names[0]) : try pressed(wanted, devices, connection)
      var request = Vrbridge_V1_SetRole()
      request.deviceID = chosen.deviceID
      request.role = Vrbridge_V1_Role(wanted)
      _ = try connection.request(.setRole(request))
      print("\(chosen.name) \(chosen.serial): \(wanted.name)")
    } catch let error as BridgeClientError {
      throw Failure(String(describing: error))
    }
  }

  /// Waits for a button; axes and triggers move by themselves when a device is put down.
  private func pressed(
    _ role: DeviceRole, _ devices: [Vrbridge_V1_Device], _ connection: BridgeConnection
  ) throws -> Vrbridge_V1_Device {
    let withButtons = devices.filter { $0.connected && $0.controls.contains { $0.kind == .button } }
    guard !withButtons.isEmpty else { throw Failure("no device with buttons is there") }
    var request = Vrbridge_V1_Subscribe()
    request.streams = [.controls]
    _ = try connection.request(.subscribe(request))
    print("Press a button on the device that shall be \(role.name) …")
    let end = Date().addingTimeInterval(timeout)
    while true {
      let left = end.timeIntervalSinceNow
      guard left > 0, let frame = try connection.receive(within: left) else {
        throw Failure("no button was pressed within \(Int(timeout)) s")
      }
      guard case .controls(let batch) = frame.message else { continue }
      for change in batch.changes where change.value > 0.5 {
        guard let device = devices.first(where: { $0.deviceID == change.deviceID }),
          device.controls.indices.contains(Int(change.control)),
          device.controls[Int(change.control)].kind == .button
        else { continue }
        return device
      }
    }
  }
}
