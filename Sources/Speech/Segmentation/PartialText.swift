import Foundation

/// The text of an utterance that goes on: a kept part, and the text decoded since.
struct PartialText {
  private(set) var kept = ""

  /// Returns the kept text joined with a decoded one.
  ///
  /// - Parameter freezes: the joined text is kept from now on.
  mutating func add(_ decoded: String, freezes: Bool) -> String {
    let text = Self.join(kept, Self.withoutEnd(decoded))
    if freezes { kept = text }
    return text
  }

  /// Keeps the text of the whole utterance up to a pause.
  mutating func set(_ whole: String) -> String {
    kept = Self.withoutEnd(whole)
    return kept
  }

  /// Returns the text without the full stop that recognisers append to any text.
  static func withoutEnd(_ text: String) -> String {
    var text = text.trimmingCharacters(in: .whitespaces)
    while let last = text.last, ".,".contains(last) { text.removeLast() }
    return text
  }

  private static func join(_ before: String, _ after: String) -> String {
    guard !before.isEmpty else { return after }
    guard !after.isEmpty else { return before }
    var after = after
    // The recogniser capitalises the first word of its sound, although it continues a sentence here.
    if let last = before.last, !".?!".contains(last) {
      let first = after.prefix { !$0.isWhitespace }
      if !first.hasPrefix("I'"), first != "I", first.dropFirst().allSatisfy({ !$0.isUppercase }) {
        after = after.prefix(1).lowercased() + after.dropFirst()
      }
    }
    // A word at the seam may be decoded on both sides.
    if let word = before.split(separator: " ").last, let next = after.split(separator: " ").first,
      word.lowercased() == next.lowercased()
    {
      after = String(after.dropFirst(next.count).drop { $0 == " " })
      if after.isEmpty { return before }
    }
    return before + " " + after
  }
}
