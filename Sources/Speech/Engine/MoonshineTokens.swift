import Foundation

/// The vocabulary of a Moonshine model as sherpa-onnx reads it.
///
/// Moonshine's own `tokenizer.bin` is a row of byte strings, each after its length: one byte, or two when the first is
/// 128 or more (n = second × 128 + first − 128). sherpa-onnx wants a line for each token, its bytes in base64 and its
/// number.
enum MoonshineTokens {
  static let fileName = "tokenizer.bin"

  /// - Returns: nil when the bytes are no such vocabulary.
  static func lines(_ bytes: [UInt8]) -> [UInt8]? {
    var text = ""
    var position = 0
    var number = 0
    while position < bytes.count {
      var length = Int(bytes[position])
      position += 1
      if length >= 128 {
        guard position < bytes.count else { return nil }
        length += Int(bytes[position]) * 128 - 128
        position += 1
      }
      guard position + length <= bytes.count, number < 1_000_000 else { return nil }
      let token = length > 0 ? Data(bytes[position..<position + length]) : Data("<empty>".utf8)
      text += "\(token.base64EncodedString())\t\(number)\n"
      position += length
      number += 1
    }
    return number > 0 ? Array(text.utf8) : nil
  }
}
