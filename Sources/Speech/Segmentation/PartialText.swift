import Foundation

/// The text of an utterance that goes on: what stands, and what was heard since.
struct PartialText {
  private(set) var standing = ""

  /// - Parameter freezes: what was heard stands from now on.
  mutating func add(_ heard: String, freezes: Bool) -> String {
    let text = Self.join(standing, Self.open(heard))
    if freezes { standing = text }
    return text
  }

  /// The whole up to a pause was decoded.
  mutating func set(_ whole: String) -> String {
    standing = Self.open(whole)
    return standing
  }

  /// Without the full stop that recognisers put after anything.
  static func open(_ text: String) -> String {
    var text = text.trimmingCharacters(in: .whitespaces)
    while let last = text.last, ".,".contains(last) { text.removeLast() }
    return text
  }

  private static func join(_ before: String, _ after: String) -> String {
    guard !before.isEmpty else { return after }
    guard !after.isEmpty else { return before }
    var after = after
    // A capital in the middle of a sentence is the recogniser's idea of a beginning.
    if let last = before.last, !".?!".contains(last) {
      let first = after.prefix { !$0.isWhitespace }
      if !first.hasPrefix("I'"), first != "I", first.dropFirst().allSatisfy({ !$0.isUppercase }) {
        after = after.prefix(1).lowercased() + after.dropFirst()
      }
    }
    // A word at the seam that both sides heard is said once.
    if let word = before.split(separator: " ").last, let next = after.split(separator: " ").first,
      word.lowercased() == next.lowercased()
    {
      after = String(after.dropFirst(next.count).drop { $0 == " " })
      if after.isEmpty { return before }
    }
    return before + " " + after
  }
}
