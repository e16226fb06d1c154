import BridgeProtocol
import CLinux
import CommandSupport
import Sensing

/// One pose as a line of JSON, with keys in alphabetical order.
///
/// Written by hand: eleven devices at 1 kHz give 11,000 lines a second, and `JSONEncoder` needs most of a core for them.
enum PoseLine {
  static func text(_ pose: Vrbridge_V1_Pose, device: DeviceStatus?) -> String {
    let flags = TrackingFlags(rawValue: pose.flags)
    let name = device.map(label) ?? "device/\(pose.deviceID)"
    let position = flags.contains(.positionValid) ? list([pose.px, pose.py, pose.pz]) : "null"
    let flagList = flags.nameList.map { "\"\($0)\"" }.joined(separator: ",")
    return "{\"angular_velocity\":\(list([pose.wx, pose.wy, pose.wz])),\"captured_ns\":\(pose.capturedNs),"
      + "\"device\":\(quoted(name)),\"flags\":[\(flagList)],"
      + "\"linear_velocity\":\(list([pose.vx, pose.vy, pose.vz])),"
      + "\"orientation\":\(list([pose.qx, pose.qy, pose.qz, pose.qw])),\"position\":\(position),"
      + "\"received_ns\":\(pose.receivedNs),\"role\":\"\(pose.role.deviceRole.name)\","
      + "\"seen_ns\":\(linux_monotonic_ns()),\"uncertainty\":{"
      + "\"heading\":\(number(Double(pose.sigmaHeading))),\"inclination\":\(number(Double(pose.sigmaInclination))),"
      + "\"position\":\(number(Double(pose.sigmaPosition)))}}"
  }

  /// Returns family and serial number; the bridge's number for a device without a serial number.
  static func label(_ device: DeviceStatus) -> String {
    device.family + "/" + (device.serial.isEmpty ? String(device.id.number) : device.serial)
  }

  private static func list(_ values: [Double]) -> String {
    "[" + values.map(number).joined(separator: ",") + "]"
  }

  private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

  /// Texts with other characters than these few are left to `JSONEncoder`.
  private static func quoted(_ text: String) -> String {
    for byte in text.utf8 where byte < 0x20 || byte > 0x7E || byte == 0x22 || byte == 0x5C {
      return JSONLine.text(text)
    }
    return "\"\(text)\""
  }
}
