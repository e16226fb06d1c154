import Authorisation
import Spatial

/// Messages of the Virtual-Reality Peripheral Network, protocol 7: a header of 24 bytes, then a body padded to eight,
/// big-endian. Source: https://github.com/vrpn/vrpn (Format_Of_Protocol.txt).
package enum VRPNMessage {
  /// The first bytes of both sides; the minor version may differ. The digit requests no log.
  static let cookie: [UInt8] = {
    let text = Array("vrpn: ver. 07.35  0".utf8)
    return text + [UInt8](repeating: 0, count: 24 - text.count)
  }()

  static let senderDescription: Int32 = -1
  static let typeDescription: Int32 = -2

  /// Types of messages that the server describes; the raw value is the type's number.
  enum Kind: Int32, CaseIterable {
    case trackerPose, trackerVelocity, buttonChange, buttonStates, analogChannel, ping, pong

    var name: String {
      switch self {
      case .trackerPose: "vrpn_Tracker Pos_Quat"
      case .trackerVelocity: "vrpn_Tracker Velocity"
      case .buttonChange: "vrpn_Button Change"
      case .buttonStates: "vrpn_Button States"
      case .analogChannel: "vrpn_Analog Channel"
      case .ping: "vrpn_Base ping_message"
      case .pong: "vrpn_Base pong_message"
      }
    }

    /// The data of a message; a ping or pong reports that a device is present.
    var data: Action.Data {
      switch self {
      case .trackerPose, .trackerVelocity: .poses
      case .buttonChange, .buttonStates, .analogChannel: .controls
      case .ping, .pong: .devices
      }
    }
  }

  package struct Header: Equatable {
    /// Bytes of the body, without padding.
    package var length: Int
    var sender: Int32
    var kind: Int32

    package static let size = 24

    /// Decodes a header; nil for bytes that can't begin a message.
    package init?(_ bytes: some Collection<UInt8>) {
      guard bytes.count >= Self.size else { return nil }
      let words = Array(bytes.prefix(Self.size))
      func word(_ index: Int) -> Int32 {
        Int32(bitPattern: words[(4 * index)..<(4 * index + 4)].reduce(0) { $0 << 8 | UInt32($1) })
      }
      length = Int(word(0)) - Self.size
      sender = word(3)
      kind = word(4)
      guard (0...65_536).contains(length) else { return nil }
    }

    /// Bytes of the body with its padding.
    package var padded: Int { (length + 7) / 8 * 8 }
  }

  /// Returns a message.
  ///
  /// - Parameter time: seconds since 1970.
  static func frame(_ body: [UInt8], sender: Int32, kind: Int32, time: Double) -> [UInt8] {
    let seconds = time.rounded(.down)
    var bytes = word(Int32(Header.size + body.count))
    bytes += word(Int32(truncatingIfNeeded: Int64(seconds))) + word(Int32((time - seconds) * 1e6))
    // The sequence number counts datagrams; TCP needs none.
    bytes += word(sender) + word(kind) + word(0) + body
    return bytes + [UInt8](repeating: 0, count: (8 - body.count % 8) % 8)
  }

  /// Returns the description of a sender or a type: each side numbers its own.
  static func description(_ name: String, number: Int32, kind: Int32) -> [UInt8] {
    let text = Array(name.utf8) + [0]
    return frame(word(Int32(text.count)) + text, sender: number, kind: kind, time: 0)
  }

  package static func name(in body: some Collection<UInt8>) -> String {
    String(decoding: body.dropFirst(4).prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Returns the body of a pose: sensor, position in metres, orientation (x, y, z, w).
  static func pose(_ pose: Pose) -> [UInt8] {
    let (p, q) = (pose.position, pose.orientation)
    return word(0) + word(0) + [p.x, p.y, p.z, q.x, q.y, q.z, q.w].flatMap { double($0) }
  }

  /// Returns the body of a velocity: m/s, and the rotation within 0.1 s.
  static func velocity(linear: Vector3, angular: Vector3) -> [UInt8] {
    let span = 0.1
    let turn = Quaternion(rotationVector: angular * span)
    return word(0) + word(0)
      + [linear.x, linear.y, linear.z, turn.x, turn.y, turn.z, turn.w, span].flatMap { double($0) }
  }

  static func button(_ index: Int, isPressed: Bool) -> [UInt8] {
    word(Int32(index)) + word(isPressed ? 1 : 0)
  }

  static func buttons(_ states: [Bool]) -> [UInt8] {
    word(Int32(states.count)) + states.flatMap { word($0 ? 1 : 0) }
  }

  static func analog(_ values: [Double]) -> [UInt8] {
    double(Double(values.count)) + values.flatMap { double($0) }
  }

  private static func word(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
  private static func double(_ value: Double) -> [UInt8] {
    withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }
  }
}
