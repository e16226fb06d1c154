import Foundation

/// Cuts text into the pieces of words that BERT's uncased models know (Devlin et al., 2019; Wu et al., 2016): small
/// letters without accents, punctuation by itself, then the longest piece that the vocabulary has, again and again.
public struct WordPieceTokenizer: Sendable {
  private let numbers: [String: Int]
  private let unknown: Int
  private let first: Int
  private let last: Int
  /// Tokens of a text at most, with those that begin and end it.
  private let limit: Int
  /// Longer words are not known.
  private static let longestWord = 100

  /// - Parameter vocabulary: pieces by their numbers; those inside of a word begin with `##`.
  /// - Returns: nil when it lacks `[UNK]`, `[CLS]` or `[SEP]`.
  public init?(_ vocabulary: [String], limit: Int = 256) {
    numbers = Dictionary(vocabulary.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    guard let unknown = numbers["[UNK]"], let first = numbers["[CLS]"], let last = numbers["[SEP]"], limit > 2
    else { return nil }
    (self.unknown, self.first, self.last, self.limit) = (unknown, first, last, limit)
  }

  /// - Returns: at least the two numbers that begin and end a text.
  public func tokens(_ text: String) -> [Int] {
    var result = [first]
    for word in Self.words(text) {
      result += pieces(word)
      if result.count >= limit - 1 { break }
    }
    return result.prefix(limit - 1) + [last]
  }

  /// Words and signs, in small letters without accents.
  static func words(_ text: String) -> [[Unicode.Scalar]] {
    var words: [[Unicode.Scalar]] = []
    var word: [Unicode.Scalar] = []
    func close() {
      if !word.isEmpty { words.append(word) }
      word = []
    }
    for scalar in text.lowercased().decomposedStringWithCanonicalMapping.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .nonspacingMark: continue
      case .control, .format, .surrogate, .privateUse, .unassigned:
        if ["\t", "\n", "\r"].contains(scalar) { close() }
      case .spaceSeparator: close()
      case _ where scalar.value == 0 || scalar.value == 0xFFFD: continue
      case _ where isSign(scalar) || isIdeograph(scalar):
        close()
        words.append([scalar])
      default: word.append(scalar)
      }
    }
    close()
    return words
  }

  /// Punctuation, and all of ASCII that is neither letter, digit nor blank.
  private static func isSign(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 33...47, 58...64, 91...96, 123...126: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return true
    default: return false
    }
  }

  /// Chinese characters, which are words by themselves: the blocks that BERT names.
  private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B820...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }

  private func pieces(_ word: [Unicode.Scalar]) -> [Int] {
    guard word.count <= Self.longestWord else { return [unknown] }
    var result: [Int] = []
    var start = 0
    while start < word.count {
      var end = word.count
      var found: Int?
      while end > start, found == nil {
        var piece = start > 0 ? "##" : ""
        piece.unicodeScalars.append(contentsOf: word[start..<end])
        found = numbers[piece]
        if found == nil { end -= 1 }
      }
      // A word with a part that is not known is not known.
      guard let found else { return [unknown] }
      result.append(found)
      start = end
    }
    return result
  }
}
