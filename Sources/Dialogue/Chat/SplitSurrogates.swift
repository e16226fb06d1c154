/// Joins characters that a server divides between two events: JSON writes characters above U+FFFF as two escapes
/// (`\ud83d\ude80`), and some servers send one escape with each token.
///
/// A JSON parser refuses an escape without its other half. `protect` replaces such halves by private characters that carry
/// their value, and `join` puts them together over the events of one answer.
struct SplitSurrogates {
  /// Halves are carried by U+10F000 to U+10F7FF, of a private plane.
  private static let carriers: UInt32 = 0x10F000

  private var pending: UInt16?

  /// Returns an event without halves of characters, and whether it had some.
  static func protect(_ event: String) -> (text: String, hasHalves: Bool) {
    guard event.utf8.contains(UInt8(ascii: "\\")) else { return (event, false) }
    let bytes = Array(event.utf8)
    var output: [UInt8] = []
    var index = 0
    var hasHalves = false
    while index < bytes.count {
      guard bytes[index] == UInt8(ascii: "\\") else {
        output.append(bytes[index])
        index += 1
        continue
      }
      let unit = Self.unit(bytes, at: index)
      let length = unit == nil ? min(2, bytes.count - index) : 6
      defer { index += length }
      guard let unit, 0xD800...0xDFFF ~= unit else {
        output += bytes[index..<(index + length)]
        continue
      }
      if unit < 0xDC00, let low = Self.unit(bytes, at: index + 6), 0xDC00...0xDFFF ~= low {
        output += bytes[index..<(index + 12)]
        index += 6
        continue
      }
      hasHalves = true
      if let carrier = Unicode.Scalar(carriers + UInt32(unit) - 0xD800) {
        output += Array(String(Character(carrier)).utf8)
      }
    }
    return hasHalves ? (String(decoding: output, as: UTF8.self), true) : (event, false)
  }

  /// The value of an escape `\uXXXX`; nil for other bytes.
  private static func unit(_ bytes: [UInt8], at index: Int) -> UInt16? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
    else { return nil }
    var value: UInt16 = 0
    for byte in bytes[(index + 2)..<(index + 6)] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  /// Returns a text with its halves joined to those of the texts before; a first half at its end is kept for the next.
  ///
  /// - Parameter hasHalves: as `protect` returned it.
  mutating func join(_ text: String, hasHalves: Bool) -> String {
    guard hasHalves || pending != nil else { return text }
    var units: [UInt16] = pending.map { [$0] } ?? []
    pending = nil
    for scalar in text.unicodeScalars {
      if hasHalves, Self.carriers..<(Self.carriers + 0x800) ~= scalar.value {
        units.append(UInt16(scalar.value - Self.carriers + 0xD800))
      } else {
        units += Array(UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter)
      }
    }
    if let last = units.last, 0xD800...0xDBFF ~= last {
      pending = last
      units.removeLast()
    }
    return String(decoding: units, as: UTF16.self)
  }

  /// Ends the answer.
  ///
  /// - Returns: the replacement for a first half whose second never came.
  mutating func end() -> String {
    defer { pending = nil }
    return pending == nil ? "" : "\u{FFFD}"
  }
}
