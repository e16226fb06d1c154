public import LiveState
public import Logging
import Sensing
public import ServiceLifecycle
import Spatial

/// Sends poses by UDP at a constant rate, in the format of another program.
public struct PoseSender: Service {
  public enum Format: String, Sendable, CaseIterable {
    /// Position and angles of the head: opentrack's "UDP over network".
    /// Source: https://github.com/opentrack/opentrack (proto-udp).
    case opentrack
    /// OSC trackers of VRChat. Source: https://docs.vrchat.com/docs/osc-trackers
    case vrchat
    /// Virtual Motion Capture's protocol: headset, controllers and trackers as Unity poses.
    /// Source: https://protocol.vmc.info/english
    case vmc

    /// Where the format's program listens by default, and the usual datagrams per second.
    var standard: (target: String, rate: Double) {
      switch self {
      case .opentrack: ("127.0.0.1:4242", 250)
      case .vrchat: ("127.0.0.1:9000", 60)
      case .vmc: ("127.0.0.1:39540", 60)
      }
    }
  }

  private let settings: PoseSenderSettings
  private let state: any BridgeState
  private let sender: DatagramSender
  private let log: Logger
  private let omissions: OmissionReport

  /// - Throws: `InteropError` for a target that is invalid or unknown.
  public init(_ settings: PoseSenderSettings, state: any BridgeState, log: Logger) throws(InteropError) {
    self.settings = settings
    self.state = state
    self.log = log
    omissions = OmissionReport(output: settings.format.rawValue, log: log)
    sender = try DatagramSender(target: settings.target)
  }

  public func run() async throws {
    log.info(
      "sending poses", metadata: ["format": "\(settings.format.rawValue)", "to": "\(settings.target)"])
    await cancelWhenGracefulShutdown {
      var pace = Pace(rate: settings.rate)
      while !Task.isCancelled {
        try? await Task.sleep(until: pace.turn())
        let bytes = datagram(seconds: pace.elapsed)
        if !bytes.isEmpty { sender.send(bytes) }
      }
    }
  }

  private struct Tracked {
    var device: DeviceStatus
    var pose: Pose
    var hasPosition: Bool
  }

  private var tracked: [Tracked] {
    let now = state.now
    let devices = state.devices
    omissions.keep(only: devices)
    return devices.filter(\.isConnected).compactMap { device in
      guard let state = state.state(of: device, at: now), state.flags.contains(.orientationValid) else {
        return nil
      }
      return Tracked(device: device, pose: state.worldFromDevice, hasPosition: state.hasPosition)
    }
  }

  /// Returns the next datagram, with what is tracked; empty without a tracked device.
  func datagram(seconds: Double) -> [UInt8] {
    switch settings.format {
    case .opentrack:
      guard let head = tracked.first(where: { $0.device.role == .head }) else { return [] }
      // The format has six numbers: without a position the head stays at the origin, which opentrack centres.
      if !head.hasPosition { omissions.report(head.device, .position) }
      return Self.opentrack(head.pose)
    case .vrchat:
      let messages = tracked.flatMap { tracked -> [OSCMessage] in
        guard let name = Self.vrchatTracker(tracked.device.role) else { return [] }
        if !tracked.hasPosition { omissions.report(tracked.device, .position) }
        return Self.vrchat(name, tracked.pose, hasPosition: tracked.hasPosition)
      }
      return messages.isEmpty ? [] : OSCMessage.bundle(messages)
    case .vmc:
      let messages = tracked.compactMap { tracked -> OSCMessage? in
        // A message of the protocol has position and orientation.
        guard tracked.hasPosition else {
          omissions.report(tracked.device, .pose)
          return nil
        }
        return Self.vmc(tracked.device.role, tracked.device.serial, tracked.pose)
      }
      return OSCMessage.bundle(
        [
          OSCMessage("/VMC/Ext/OK", [.int(messages.isEmpty ? 0 : 1)]),
          OSCMessage("/VMC/Ext/T", [.float(seconds)]),
        ] + messages)
    }
  }

  /// Returns opentrack's datagram: x to the right, y up, z forward in centimetres, yaw, pitch, roll in degrees, doubles,
  /// little-endian.
  static func opentrack(_ pose: Pose) -> [UInt8] {
    let angles = Axes.opentrackAngles(pose.orientation)
    let p = pose.position * 100
    return [p.x, p.y, -p.z, angles.yaw, angles.pitch, angles.roll].flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
  }

  /// Returns VRChat's name of a tracker: the head, for alignment, and eight others; nil for roles without one.
  static func vrchatTracker(_ role: DeviceRole) -> String? {
    switch role {
    case .head: "head"
    case .waist: "1"
    case .chest: "2"
    case .leftFoot: "3"
    case .rightFoot: "4"
    case .leftKnee: "5"
    case .rightKnee: "6"
    case .leftElbow: "7"
    case .rightElbow: "8"
    default: nil
    }
  }

  static func vrchat(_ name: String, _ pose: Pose, hasPosition: Bool) -> [OSCMessage] {
    let pose = Axes.unity(pose)
    let angles = Axes.unityEuler(pose.orientation)
    func floats(_ v: Vector3) -> [OSCMessage.Argument] { [.float(v.x), .float(v.y), .float(v.z)] }
    let rotation = OSCMessage("/tracking/trackers/\(name)/rotation", floats(angles))
    guard hasPosition else { return [rotation] }
    return [OSCMessage("/tracking/trackers/\(name)/position", floats(pose.position)), rotation]
  }

  static func vmc(_ role: DeviceRole, _ serial: String, _ pose: Pose) -> OSCMessage {
    let kind =
      switch role {
      case .head: "Hmd"
      case .leftHand, .rightHand: "Con"
      default: "Tra"
      }
    let pose = Axes.unity(pose)
    let (p, q) = (pose.position, pose.orientation)
    return OSCMessage(
      "/VMC/Ext/\(kind)/Pos", [.string(serial)] + [p.x, p.y, p.z, q.x, q.y, q.z, q.w].map { .float($0) })
  }
}
