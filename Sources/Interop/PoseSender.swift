public import Bridge
import BridgeProtocol
import Foundation
public import Logging
import Sensing
public import ServiceLifecycle
import Spatial

/// Sends poses by UDP, at a steady rate, in the words of another tool.
public struct PoseSender: Service {
  public enum Format: String, Sendable, CaseIterable {
    /// The head alone, six numbers: opentrack's "UDP over network".
    /// Source: https://github.com/opentrack/opentrack (proto-udp).
    case opentrack
    /// OSC trackers of VRChat. Source: https://docs.vrchat.com/docs/osc-trackers
    case vrchat
    /// Virtual Motion Capture's protocol: headset, controllers and trackers as Unity poses.
    /// Source: https://protocol.vmc.info/english
    case vmc
  }

  private let format: Format
  private let target: String
  private let rate: Double
  private let source: LiveSource
  private let sender: DatagramSender
  private let log: Logger

  /// - Parameters:
  ///   - target: `HOST:PORT`.
  ///   - rate: datagrams a second.
  public init(
    _ format: Format, target: String, rate: Double, source: LiveSource, log: Logger
  ) throws(InteropFault) {
    self.format = format
    self.target = target
    self.rate = rate
    self.source = source
    self.log = log
    sender = try DatagramSender(target: target)
  }

  public func run() async throws {
    log.info("poses are sent", metadata: ["format": "\(format.rawValue)", "to": "\(target)"])
    await cancelWhenGracefulShutdown {
      var pace = Pace(rate: rate)
      while !Task.isCancelled {
        try? await Task.sleep(until: pace.turn())
        let bytes = datagram(seconds: pace.elapsed)
        if !bytes.isEmpty { sender.send(bytes) }
      }
    }
  }

  private struct Tracked {
    var device: Vrbridge_V1_Device
    var pose: Pose
  }

  private var tracked: [Tracked] {
    let now = source.now
    return source.devices.filter(\.connected).compactMap { device in
      guard let state = source.state(of: device, at: now), state.flags.contains(.orientationValid) else {
        return nil
      }
      return Tracked(device: device, pose: state.worldFromDevice)
    }
  }

  /// - Returns: nothing when nothing is tracked.
  private func datagram(seconds: Double) -> [UInt8] {
    switch format {
    case .opentrack:
      guard let head = tracked.first(where: { $0.device.role == .head }) else { return [] }
      return Self.opentrack(head.pose)
    case .vrchat:
      let messages = tracked.flatMap { tracked -> [OSCMessage] in
        guard let name = Self.vrchatTracker(tracked.device.role.deviceRole) else { return [] }
        return Self.vrchat(name, tracked.pose)
      }
      return messages.isEmpty ? [] : OSCMessage.bundle(messages)
    case .vmc:
      let messages = tracked.map { Self.vmc($0.device.role.deviceRole, $0.device.serial, $0.pose) }
      return OSCMessage.bundle(
        [
          OSCMessage("/VMC/Ext/OK", [.int(messages.isEmpty ? 0 : 1)]),
          OSCMessage("/VMC/Ext/T", [.float(seconds)]),
        ] + messages)
    }
  }

  /// Centimetres and degrees, doubles, little-endian: x to the right, y up, z forward, yaw, pitch, roll.
  static func opentrack(_ pose: Pose) -> [UInt8] {
    let angles = Axes.opentrackAngles(pose.orientation)
    let p = pose.position * 100
    return [p.x, p.y, -p.z, angles.yaw, angles.pitch, angles.roll].flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
  }

  /// VRChat takes a head, to align, and eight others.
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

  static func vrchat(_ name: String, _ pose: Pose) -> [OSCMessage] {
    let pose = Axes.unity(pose)
    let angles = Axes.unityEuler(pose.orientation)
    func floats(_ v: Vector3) -> [OSCMessage.Argument] { [.float(v.x), .float(v.y), .float(v.z)] }
    return [
      OSCMessage("/tracking/trackers/\(name)/position", floats(pose.position)),
      OSCMessage("/tracking/trackers/\(name)/rotation", floats(angles)),
    ]
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
