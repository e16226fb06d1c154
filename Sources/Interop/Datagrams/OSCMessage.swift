/// A message of Open Sound Control 1.0: an address, types, and arguments, each padded to four bytes, big-endian.
/// Source: https://opensoundcontrol.stanford.edu/spec-1_0.html
struct OSCMessage {
  enum Argument {
    case float(Double)
    case int(Int32)
    case string(String)
  }
  var address: String
  var arguments: [Argument]

  init(_ address: String, _ arguments: [Argument]) {
    self.address = address
    self.arguments = arguments
  }

  var bytes: [UInt8] {
    var result = Self.padded(address)
    let types = arguments.map { argument -> Character in
      switch argument {
      case .float: "f"
      case .int: "i"
      case .string: "s"
      }
    }
    result += Self.padded("," + String(types))
    for argument in arguments {
      switch argument {
      case .float(let value): result += Self.word(Float(value).bitPattern)
      case .int(let value): result += Self.word(UInt32(bitPattern: value))
      case .string(let text): result += Self.padded(text)
      }
    }
    return result
  }

  /// Returns a bundle: messages of one moment.
  static func bundle(_ messages: [OSCMessage]) -> [UInt8] {
    // The time tag 1 means immediately.
    padded("#bundle") + word(0) + word(1)
      + messages.flatMap { message in
        let bytes = message.bytes
        return word(UInt32(bytes.count)) + bytes
      }
  }

  private static func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

  private static func padded(_ text: String) -> [UInt8] {
    let bytes = text.utf8.filter { $0 != 0 }
    return bytes + [UInt8](repeating: 0, count: 4 - bytes.count % 4)
  }
}
