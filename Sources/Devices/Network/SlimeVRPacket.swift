import Diagnostics
import Spatial

/// What a SlimeVR tracker sends, and the few things that it is sent. Big-endian throughout.
///
/// Facts: SlimeVR-Tracker-ESP src/network/packets.h and SlimeVR-Server UDPProtocolParser.kt (MIT or Apache-2.0).
public enum SlimeVRPacket: Sendable, Equatable {
  case heartbeat
  case handshake(SlimeVRHandshake)
  case ping(UInt32)
  /// Rotation, acceleration, battery and whatever else goes to a sensor's decoder: the type as report id, then the
  /// payload. Sensor 255 means all of them.
  case report(sensor: UInt8, bytes: [UInt8])
  case sensorInfo(sensor: UInt8, status: UInt8)
  /// An error code of a sensor.
  case sensorError(sensor: UInt8, code: UInt8)
  case signal(sensor: UInt8, decibelMilliwatts: Int8)
  case features

  /// Whether only a tracker sends it that takes itself to be connected.
  var isOfASensor: Bool {
    switch self {
    case .report, .sensorInfo, .sensorError, .signal: true
    case .heartbeat, .handshake, .ping, .features: false
    }
  }

  /// Every sensor of the tracker.
  public static let allSensors: UInt8 = 255
  static let maximumSensors: UInt8 = 32

  /// A packet with its number, 0 when it has none of its own.
  public struct Numbered: Sendable, Equatable {
    public var number: UInt64
    public var packet: SlimeVRPacket
  }

  /// Takes a datagram apart. What is not known or cut off is passed over.
  public static func parse(_ datagram: UnsafeRawBufferPointer) -> [Numbered] {
    var reader = BigEndianReader(datagram)
    guard let type: UInt32 = reader.integer(), let number: UInt64 = reader.integer() else { return [] }
    switch type {
    case 100, 101:
      var list: [Numbered] = []
      // A datagram of 2 KiB holds some hundred packets; more is a loop in somebody's head.
      while list.count < 256, let inner = innerPacket(&reader, isCompact: type == 101) {
        list.append(Numbered(number: number, packet: inner))
      }
      return list
    default: return packet(type, reader).map { [Numbered(number: number, packet: $0)] } ?? []
    }
  }

  private static func innerPacket(_ reader: inout BigEndianReader, isCompact: Bool) -> SlimeVRPacket? {
    while true {
      let length: Int
      if isCompact {
        guard let value: UInt8 = reader.integer() else { return nil }
        length = Int(value)
      } else {
        guard let value: UInt16 = reader.integer() else { return nil }
        length = Int(value)
      }
      guard var body = reader.slice(length) else { return nil }
      if isCompact {
        guard let type: UInt8 = body.integer() else { continue }
        if let packet = packet(UInt32(type), body) { return packet }
      } else {
        guard let type: UInt32 = body.integer() else { continue }
        if let packet = packet(type, body) { return packet }
      }
    }
  }

  private static func packet(_ type: UInt32, _ body: BigEndianReader) -> SlimeVRPacket? {
    var reader = body
    switch type {
    case 0: return .heartbeat
    case 3: return .handshake(SlimeVRHandshake(&reader))
    case 10:
      guard let id: UInt32 = reader.integer() else { return nil }
      return .ping(id)
    // Rotations of the oldest firmware name their sensor by the type.
    case 1: return .report(sensor: 0, bytes: [1] + body.rest)
    case 16: return .report(sensor: 1, bytes: [16] + body.rest)
    // Old firmware sends the level without the voltage before it.
    case 12:
      let rest = body.rest
      guard rest.count >= 4 else { return nil }
      return .report(
        sensor: allSensors, bytes: [12] + (rest.count < 8 ? [0, 0, 0, 0] + rest.prefix(4) : rest))
    case 14:
      guard let sensor: UInt8 = reader.integer() else { return nil }
      return .sensorError(sensor: sensor, code: reader.integer() ?? 0)
    case 15:
      guard let sensor: UInt8 = reader.integer(), let status: UInt8 = reader.integer() else { return nil }
      return .sensorInfo(sensor: sensor, status: status)
    case 17, 20, 23, 26, 27:
      guard let sensor: UInt8 = reader.integer() else { return nil }
      return .report(sensor: sensor, bytes: [UInt8(type)] + body.rest)
    case 4:
      // The sensor stands behind the three numbers.
      let rest = body.rest
      guard rest.count >= 12 else { return nil }
      return .report(sensor: rest.count > 12 ? rest[12] : 0, bytes: [4] + rest)
    case 19:
      guard let sensor: UInt8 = reader.integer(), let level: UInt8 = reader.integer() else { return nil }
      return .signal(sensor: sensor, decibelMilliwatts: Int8(bitPattern: level))
    case 22: return .features
    default: return nil
    }
  }

  // MARK: to the tracker

  static let handshakeReply: [UInt8] = {
    let text = [UInt8(3)] + Array("Hey OVR =D 5".utf8)
    return text + [UInt8](repeating: 0, count: 64 - text.count)
  }()

  /// Packets to a tracker are not numbered.
  static func toTracker(_ type: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    [0, 0, 0, type] + [UInt8](repeating: 0, count: 8) + payload
  }

  static func acknowledgement(sensor: UInt8, status: UInt8) -> [UInt8] { [0, 0, 0, 15, sensor, status] }
}

/// How a tracker introduces itself. Older firmware ends early.
public struct SlimeVRHandshake: Sendable, Equatable {
  public var board: Int32
  public var protocolVersion: Int32
  public var firmware: String
  /// `aa:bb:cc:dd:ee:ff`; empty when it names none.
  public var address: String

  public init(board: Int32, protocolVersion: Int32, firmware: String, address: String) {
    self.board = board
    self.protocolVersion = protocolVersion
    self.firmware = firmware
    self.address = address
  }

  /// Reads a handshake of any length: the oldest firmware sends none of these fields.
  init(_ reader: inout BigEndianReader) {
    let board: UInt32 = reader.integer() ?? 0
    self.board = Int32(bitPattern: board)
    _ = reader.slice(20)
    let version: UInt32 = reader.integer() ?? 0
    protocolVersion = Int32(bitPattern: version)
    firmware = reader.shortString() ?? ""
    let bytes = reader.slice(6)?.rest ?? []
    let known = bytes.count == 6 && bytes.contains { $0 != 0 }
    address = known ? bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":") : ""
  }
}

/// Numbers from the front of a datagram.
struct BigEndianReader {
  private var bytes: UnsafeRawBufferPointer.SubSequence

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes[...] }

  var rest: [UInt8] { Array(bytes) }

  mutating func integer<Value: FixedWidthInteger & UnsignedInteger>() -> Value? {
    let size = MemoryLayout<Value>.size
    guard bytes.count >= size else { return nil }
    let value = bytes.prefix(size).reduce(Value(0)) { size == 1 ? Value($1) : $0 << 8 | Value($1) }
    bytes = bytes.dropFirst(size)
    return value
  }

  mutating func slice(_ count: Int) -> BigEndianReader? {
    guard bytes.count >= count else { return nil }
    var part = self
    part.bytes = bytes.prefix(count)
    bytes = bytes.dropFirst(count)
    return part
  }

  /// A text behind its length in one byte.
  mutating func shortString() -> String? {
    guard let count: UInt8 = integer(), let part = slice(Int(count)) else { return nil }
    return printable(String(decoding: part.bytes, as: UTF8.self))
  }
}
