import ArgumentParser
import BridgeClient
import BridgeProtocol
import Sensing

struct AssignCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assign",
    abstract: "Give a device its role.",
    discussion: """
      The bridge remembers it, by serial number or, for a device without one, by where it is plugged in. A device that \
      had the role takes the other's. Roles in the configuration are stronger.
      """)

  @Argument(help: "Number, serial number or present role; 'vrbridge devices' shows them.")
  var device: String

  @Argument(
    help: ArgumentHelp("Such as head, left_hand, right_hand, waist, left_foot.", valueName: "role"))
  var role: String

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func run() async throws {
    guard let wanted = DeviceRole(name: role.replacing("-", with: "_")) else {
      throw ValidationError(
        "there is no role '\(role)'; allowed: \(DeviceRole.allCases.map(\.name).joined(separator: ", "))")
    }
    do {
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge assign")
      let devices = try connection.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
      let present = DeviceRole(name: device.replacing("-", with: "_"))
      let found = devices.filter {
        String($0.deviceID) == device || $0.serial == device
          || (present != nil && $0.role.deviceRole == present)
      }
      guard let chosen = found.first, found.count == 1 else {
        let known = devices.map { "\($0.deviceID) (\($0.name), \($0.serial), \($0.role.deviceRole.name))" }
        throw Failure(
          "'\(device)' names \(found.count) devices; there are: \(known.isEmpty ? "none" : known.joined(separator: "; "))"
        )
      }
      var request = Vrbridge_V1_SetRole()
      request.deviceID = chosen.deviceID
      request.role = Vrbridge_V1_Role(wanted)
      _ = try connection.request(.setRole(request))
      print("\(chosen.name) \(chosen.serial): \(wanted.name)")
    } catch let error as BridgeClientError {
      throw Failure(String(describing: error))
    }
  }
}
