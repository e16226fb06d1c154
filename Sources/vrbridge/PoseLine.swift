import BridgeProtocol
import CLinux
import Sensing

/// One pose as a line of JSON with a fixed order of keys.
enum PoseLine {
  static func text(_ pose: Vrbridge_V1_Pose, device: Vrbridge_V1_Device?) -> String {
    let flags = TrackingFlags(rawValue: pose.flags)
    let position = flags.contains(.positionValid) ? list([pose.px, pose.py, pose.pz]) : "null"
    return "{\"device\":\(quoted(label(pose, device))),\"role\":\"\(pose.role.deviceRole.name)\","
      + "\"captured_ns\":\(pose.capturedNs),\"received_ns\":\(pose.receivedNs),\"seen_ns\":\(linux_monotonic_ns()),\"orientation\":\(list([pose.qx, pose.qy, pose.qz, pose.qw])),"
      + "\"position\":\(position),\"angular_velocity\":\(list([pose.wx, pose.wy, pose.wz])),"
      + "\"linear_velocity\":\(list([pose.vx, pose.vy, pose.vz])),"
      + "\"flags\":[\(flags.nameList.map { "\"\($0)\"" }.joined(separator: ","))],"
      + "\"uncertainty\":{\"inclination\":\(number(Double(pose.sigmaInclination))),"
      + "\"heading\":\(number(Double(pose.sigmaHeading))),\"position\":\(number(Double(pose.sigmaPosition)))}}"
  }

  static func label(_ pose: Vrbridge_V1_Pose, _ device: Vrbridge_V1_Device?) -> String {
    device.map(label) ?? "device/\(pose.deviceID)"
  }

  /// Family and serial number; the bridge's number where the unit has none.
  static func label(_ device: Vrbridge_V1_Device) -> String {
    device.family + "/" + (device.serial.isEmpty ? String(device.deviceID) : device.serial)
  }

  private static func list(_ values: [Double]) -> String {
    "[" + values.map(number).joined(separator: ",") + "]"
  }

  /// JSON has no NaN.
  private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
