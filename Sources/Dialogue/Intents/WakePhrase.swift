import Foundation

/// A phrase at the start of an utterance that says who is meant.
public struct WakePhrase: Sendable {
  private let words: [String]
  /// Letters that may differ, as a share of the phrase's: recognisers write names as they like.
  private static let tolerance = 0.2

  public init(_ phrase: String) { words = Self.words(phrase) }

  private static func words(_ text: String) -> [String] {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }

  /// - Returns: what follows the phrase, without punctuation at its start; nil when the text begins otherwise.
  public func rest(of text: String) -> String? {
    guard !words.isEmpty else { return text }
    let wanted = words.joined()
    // A recogniser may write one word as two, or two as one.
    for count in max(1, words.count - 1)...(words.count + 1) {
      var index = text.startIndex
      var heard = ""
      var found = 0
      while index < text.endIndex, found < count {
        let character = text[index]
        if character.isLetter || character.isNumber {
          heard += character.lowercased()
          let next = text.index(after: index)
          if next == text.endIndex || !(text[next].isLetter || text[next].isNumber) { found += 1 }
        }
        index = text.index(after: index)
      }
      guard found == count else { continue }
      if Double(Self.distance(Array(heard), Array(wanted))) <= Self.tolerance * Double(wanted.count) {
        let rest = text[index...].drop { !$0.isLetter && !$0.isNumber }
        return String(rest)
      }
    }
    return nil
  }

  /// Levenshtein's.
  static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (left == right ? 0 : 1))
        diagonal = above
      }
    }
    return row[b.count]
  }
}
