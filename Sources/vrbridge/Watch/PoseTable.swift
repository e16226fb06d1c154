import BridgeProtocol
import CommandSupport
import Foundation
import Sensing
import Spatial

/// The live table of `vrbridge watch`.
enum PoseTable {
  static func text(
    rows: [(device: DeviceStatus?, pose: Vrbridge_V1_Pose?, rate: Double)],
    annotations: [Vrbridge_V1_Annotation], recording: Vrbridge_V1_RecordingStatus?, connection: String,
    dropped: UInt64, now: Int64
  ) -> String {
    var lines = [Terminal.styled("vrbridge", .bold) + "  " + Terminal.field(connection)]
    if rows.contains(where: { $0.device?.origin == .emulated && $0.device?.isConnected == true }) {
      lines.append(Terminal.styled("demonstration: these devices are emulated, not real", .yellow))
    }
    lines.append("")
    if rows.isEmpty {
      lines.append("no device yet; 'vrbridge doctor' lists what is missing")
    } else {
      lines.append(Terminal.styled(header, .dim))
      for row in rows { lines.append(line(row.device, row.pose, row.rate, now: now)) }
    }
    let seen = AnnotationTable.lines(annotations, now: now)
    if !seen.isEmpty { lines += [""] + seen }
    let latency = AnnotationTable.latency(annotations)
    if !latency.isEmpty { lines += ["", latency] }
    if let recording, recording.running {
      lines += [
        "",
        Terminal.styled("recording", .red)
          + String(
            format: " %.0f s, %.1f MB, %llu dropped, ", recording.seconds, Double(recording.bytes) / 1e6,
            recording.dropped) + Terminal.field(recording.path),
      ]
    }
    lines.append("")
    if dropped > 0 { lines.append(Terminal.styled("\(dropped) poses were dropped for this view", .yellow)) }
    lines.append(
      Terminal.styled(
        "yaw, pitch, roll in °; speed and bias in °/s, drift in °/min; late: capture to screen; Ctrl-C ends",
        .dim))
    return lines.joined(separator: "\n") + "\n"
  }

  /// Returns the line of a log message, cut to the width of the terminal.
  static func message(_ text: String, width: Int) -> String {
    let line = Terminal.field(text)
    let short = line.count < width ? line : String(line.prefix(max(1, width - 2))) + "…"
    return Terminal.styled(short, text.hasPrefix("warning") ? .yellow : text.hasPrefix("info") ? .dim : .red)
  }

  private static let header =
    "ROLE        DEVICE                  SOURCE       YAW  PITCH   ROLL  SPEED     HZ  LATE ms   BIAS  DRIFT  CLOCK µs  STATE"

  private static func line(
    _ device: DeviceStatus?, _ pose: Vrbridge_V1_Pose?, _ rate: Double, now: Int64
  ) -> String {
    let degree = 180 / Double.pi
    let role = (pose?.role.deviceRole ?? device?.role ?? .none).name
    let origin = device?.origin ?? .hardware
    var columns = [
      Terminal.styled(Terminal.pad(role, 11), .cyan), Terminal.pad(device?.name ?? "…", 23),
      Terminal.pad(origin.name, 9),
    ]
    if let pose {
      let angles = yawPitchRoll(Quaternion(x: pose.qx, y: pose.qy, z: pose.qz, w: pose.qw))
      let speed = Vector3(pose.wx, pose.wy, pose.wz).length * degree
      columns += [
        fixed(angles.x * degree, 6, 1), fixed(angles.y * degree, 6, 1), fixed(angles.z * degree, 6, 1),
        fixed(speed, 6, 1), fixed(rate, 6, 0), fixed(Double(now - pose.capturedNs) * 1e-6, 8, 1),
      ]
    } else {
      columns.append(String(repeating: " ", count: 6 * 5 + 8 + 5))
    }
    if let health = device?.health {
      let bias = health.gyroscopeBias.length * degree
      // Drift against gravity while moving, else drift at rest.
      let drift = [health.driftAgainstGravityDegreesPerMinute, health.driftAtRestDegreesPerMinute]
        .compactMap { $0 }.first { $0.isFinite }
      columns += [
        fixed(bias, 6, 2), drift.map { fixed($0, 6, 1) } ?? "     –",
        health.clockResidualMicroseconds.map { fixed($0, 9, 0) } ?? "        –",
      ]
    }
    columns.append(" " + stateText(device, pose))
    return columns.joined(separator: " ")
  }

  private static func stateText(_ device: DeviceStatus?, _ pose: Vrbridge_V1_Pose?) -> String {
    if let device, !device.isConnected { return Terminal.styled("lost", .red) }
    guard let pose else { return Terminal.styled("waiting", .dim) }
    let flags = TrackingFlags(rawValue: pose.flags)
    if flags.contains(.degraded) { return Terminal.styled("degraded", .red) }
    var state = flags.contains(.atRest) ? "at rest" : "moving"
    if let battery = device?.battery {
      state += " \(Int((battery.level * 100).rounded()))%" + (battery.isCharging ? "+" : "")
    }
    return Terminal.styled(state, .green)
  }

  private static func fixed(_ value: Double, _ width: Int, _ digits: Int) -> String {
    Terminal.padLeft(String(format: "%.\(digits)f", value), width)
  }

  /// Returns angles in radians; rotations about Y, then X, then Z.
  static func yawPitchRoll(_ q: Quaternion) -> Vector3 {
    let forward = q.rotate(Vector3(0, 0, -1))
    let right = q.rotate(Vector3(1, 0, 0))
    let up = q.rotate(Vector3(0, 1, 0))
    return Vector3(
      atan2(-forward.x, -forward.z), asin(min(max(forward.y, -1), 1)), atan2(right.y, up.y))
  }
}
