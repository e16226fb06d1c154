import Foundation

/// Converts the vocabulary of a Moonshine model to the format of sherpa-onnx.
///
/// Moonshine's `tokenizer.bin` is a sequence of byte strings, each preceded by its length: one byte, or two when the first is
/// 128 or more (n = second × 128 + first − 128). sherpa-onnx expects a line for each token: its bytes in base64, a tab and
/// its number.
enum MoonshineTokens {
  static let fileName = "tokenizer.bin"

  /// Tokens of a vocabulary at most.
  private static let maximum = 1_000_000

  /// - Returns: the lines; nil for bytes that are no such vocabulary.
  static func lines(_ bytes: [UInt8]) -> [UInt8]? {
    var text = ""
    var offset = 0
    var number = 0
    while offset < bytes.count {
      var length = Int(bytes[offset])
      offset += 1
      if length >= 128 {
        guard offset < bytes.count else { return nil }
        length += Int(bytes[offset]) * 128 - 128
        offset += 1
      }
      guard offset + length <= bytes.count, number < maximum else { return nil }
      let token = length > 0 ? Data(bytes[offset..<offset + length]) : Data("<empty>".utf8)
      text += "\(token.base64EncodedString())\t\(number)\n"
      offset += length
      number += 1
    }
    return number > 0 ? Array(text.utf8) : nil
  }
}
