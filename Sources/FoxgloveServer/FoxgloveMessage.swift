import Foundation

/// Messages of the Foxglove WebSocket protocol, version 1: JSON in text frames for control, binary frames for data.
/// Source: https://github.com/foxglove/ws-protocol/blob/main/docs/spec.md
package enum FoxgloveMessage {
  /// Names of the protocol that clients offer; the newer one has the same messages.
  static let subprotocols = ["foxglove.sdk.v1", "foxglove.websocket.v1"]

  struct ServerInfo: Encodable {
    var op = "serverInfo"
    var name: String
    var capabilities: [String]
    var supportedEncodings: [String] = []
    var metadata: [String: String]
    var sessionId: String
  }

  struct Channel: Encodable {
    var id: UInt32
    var topic: String
    var encoding = "protobuf"
    var schemaName: String
    /// Base64 of a FileDescriptorSet.
    var schema: String
    var schemaEncoding = "protobuf"
  }

  struct Advertise: Encodable {
    var op = "advertise"
    var channels: [Channel]
  }

  struct Unadvertise: Encodable {
    var op = "unadvertise"
    var channelIds: [UInt32]
  }

  struct Status: Encodable {
    var op = "status"
    /// 0 for information, 1 for a warning, 2 for an error.
    var level: Int
    var message: String
  }

  package struct Subscription: Decodable {
    var id: UInt32
    var channelId: UInt32
  }

  /// A client's request, as far as a server without parameters, services and publishing supports it.
  package enum Request {
    case subscribe([Subscription])
    case unsubscribe([UInt32])
    case unknown(String)

    private struct Operation: Decodable {
      var op: String
      var subscriptions: [Subscription]?
      var subscriptionIds: [UInt32]?
    }

    /// Decodes a request; nil for text that is not JSON or lacks a field of its operation.
    package init?(_ text: [UInt8]) {
      guard let operation = try? JSONDecoder().decode(Operation.self, from: Data(text)) else { return nil }
      switch operation.op {
      case "subscribe":
        guard let subscriptions = operation.subscriptions else { return nil }
        self = .subscribe(subscriptions)
      case "unsubscribe":
        guard let ids = operation.subscriptionIds else { return nil }
        self = .unsubscribe(ids)
      default: self = .unknown(operation.op)
      }
    }
  }

  static func json(_ message: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // Strings and integers can always be encoded.
    return (try? encoder.encode(message)).map { [UInt8]($0) } ?? []
  }

  /// Bytes before the payload in the frame of a channel's message.
  static let dataHeader = 13

  /// Returns the frame of a channel's message (opcode 1).
  static func data(subscription: UInt32, time: Int64, _ payload: [UInt8]) -> [UInt8] {
    [1] + bytes(subscription) + bytes(UInt64(bitPattern: max(0, time))) + payload
  }

  /// Returns the frame of the server's time (opcode 2).
  static func time(_ time: Int64) -> [UInt8] { [2] + bytes(UInt64(bitPattern: max(0, time))) }

  private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
