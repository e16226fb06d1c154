import Foundation

/// A phrase at the start of an utterance that addresses the bridge.
public struct WakePhrase: Sendable {
  private let words: [String]
  /// Share of the phrase's letters that may differ, since recognisers spell names in several ways.
  private static let tolerance = 0.2
  /// The same after a wake word's model has detected the phrase.
  private static let detectedTolerance = 0.7

  public init(_ phrase: String) { words = Self.words(phrase) }

  private static func words(_ text: String) -> [String] {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }

  /// Returns the text after the phrase, without punctuation at its start; nil when the text begins otherwise.
  ///
  /// - Parameter isHeard: whether a wake word's model has detected the phrase, so that only its spelling is open.
  public func rest(of text: String, isHeard: Bool = false) -> String? {
    guard !words.isEmpty else { return text }
    let wanted = Array(words.joined())
    var best: (distance: Int, rest: Substring)?
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
      let distance = Self.distance(Array(heard), wanted)
      if distance <= best?.distance ?? .max { best = (distance, text[index...]) }
    }
    let tolerance = isHeard ? Self.detectedTolerance : Self.tolerance
    guard let best, Double(best.distance) <= tolerance * Double(wanted.count) else { return nil }
    return String(best.rest.drop { !$0.isLetter && !$0.isNumber })
  }

  /// Returns the Levenshtein distance.
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
