import CommandSupport
import Sensing

extension [DeviceStatus] {
  /// Returns the device with a name.
  ///
  /// - Parameter name: number, serial number, current role, or family and serial number as in `vrbridge watch --json`.
  func named(_ name: String) throws(CommandError) -> DeviceStatus {
    let role = DeviceRole(name: name.replacing("-", with: "_"))
    let found = filter {
      String($0.id.number) == name || $0.serial == name || PoseLine.label($0) == name
        || (role != nil && $0.role == role)
    }
    guard let chosen = found.first, found.count == 1 else {
      let list = map { "\($0.id.number) (\($0.name), \($0.serial), \($0.role.name))" }
      throw CommandError(
        found.isEmpty ? "unknown-device" : "ambiguous-device",
        (found.isEmpty ? "no device matches '\(name)'" : "\(found.count) devices match '\(name)'")
          + "; devices: \(list.isEmpty ? "none" : list.joined(separator: "; "))")
    }
    return chosen
  }
}
