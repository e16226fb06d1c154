import BridgeProtocol
import Sensing

extension [Vrbridge_V1_Device] {
  /// The one that somebody means.
  ///
  /// - Parameter name: number, serial number, present role, or family and serial number as `vrbridge watch --json` has
  ///   them.
  func named(_ name: String) throws(Failure) -> Vrbridge_V1_Device {
    let role = DeviceRole(name: name.replacing("-", with: "_"))
    let found = filter {
      String($0.deviceID) == name || $0.serial == name || PoseLine.label($0) == name
        || (role != nil && $0.role.deviceRole == role)
    }
    guard let chosen = found.first, found.count == 1 else {
      let known = map { "\($0.deviceID) (\($0.name), \($0.serial), \($0.role.deviceRole.name))" }
      throw Failure(
        "'\(name)' names \(found.count) devices; there are: \(known.isEmpty ? "none" : known.joined(separator: "; "))"
      )
    }
    return chosen
  }
}
