import ArgumentParser
import BridgeClient
import BridgeProtocol
import CommandSupport
import Foundation
import Sensing

struct AssignCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assign",
    abstract: "Assign a role to a device.",
    usage: """
      vrbridge assign <device> <role> [--socket <socket>]
      vrbridge assign --press <role> [--timeout <seconds>] [--socket <socket>]
      """,
    discussion: discussion(
      """
      The bridge stores the role by serial number or, for a device without one, by USB port. A device that had the \
      role receives the previous role of the other device. Roles in the configuration take precedence.
      """,
      examples: "vrbridge assign LHR-1234ABCD waist", "vrbridge assign --press left_hand"))

  @Argument(
    help: ArgumentHelp(
      "Device (number, serial number or current role) and its new role; neither with --press.",
      valueName: "device role"), completion: .role)
  var names: [String] = []

  @Option(
    help: ArgumentHelp(
      "Assign this role to the device on which a button is pressed next.", valueName: "role"),
    completion: .role)
  var press: String?

  @Option(help: "Wait this many seconds for the button with --press, up to 3600.")
  var timeout = 30.0

  @Option(help: .socket, completion: .file())
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
    let connection = try BridgeConnection(path: socket, clientName: "vrbridge assign")
    let devices = try connection.devices()
    let chosen =
      press == nil
      ? try devices.named(names[0]) : try pressed(wanted, devices, connection)
    var request = Vrbridge_V1_SetRole()
    request.deviceID = chosen.id.number
    request.role = Vrbridge_V1_Role(wanted)
    _ = try connection.request(.setRole(request))
    print(Terminal.field("\(chosen.name) \(chosen.serial): \(wanted.name)"))
  }

  /// Waits for a button; axes and triggers are ignored, as they move when a device is put down.
  private func pressed(
    _ role: DeviceRole, _ devices: [DeviceStatus], _ connection: BridgeConnection
  ) throws -> DeviceStatus {
    let withButtons = devices.filter { $0.isConnected && $0.controls.contains { $0.kind == .button } }
    guard !withButtons.isEmpty else { throw CommandError("no-button", "no connected device has buttons") }
    var request = Vrbridge_V1_Subscribe()
    request.streams = [.controls]
    _ = try connection.request(.subscribe(request))
    print("Press a button on the device for the role \(role.name) …")
    let end = Date().addingTimeInterval(timeout)
    while true {
      let left = end.timeIntervalSinceNow
      guard left > 0, let frame = try connection.receive(within: left) else {
        throw CommandError("button-timeout", "no button was pressed within \(Int(timeout)) s")
      }
      guard case .controls(let batch) = frame.message else { continue }
      for change in batch.changes where change.value > 0.5 {
        guard let device = devices.first(where: { $0.id.number == change.deviceID }),
          device.controls.indices.contains(Int(change.control)),
          device.controls[Int(change.control)].kind == .button
        else { continue }
        return device
      }
    }
  }
}
