import Foundation

/// The WordPiece tokenizer of uncased BERT models (Devlin et al., 2019; Wu et al., 2016): lower case without accents,
/// separate punctuation, then greedy longest-match segmentation of words.
public struct WordPieceTokenizer: Sendable {
  private let numbers: [String: Int]
  private let unknown: Int
  private let first: Int
  private let last: Int
  /// Tokens of a text at most, including the first and last special tokens.
  private let limit: Int
  /// Longer words become the unknown token.
  private static let longestWord = 100

  /// - Parameter vocabulary: pieces in the order of their numbers; continuation pieces begin with `##`.
  /// - Returns: nil when the vocabulary lacks `[UNK]`, `[CLS]` or `[SEP]`.
  public init?(_ vocabulary: [String], limit: Int = 256) {
    numbers = Dictionary(vocabulary.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    guard let unknown = numbers["[UNK]"], let first = numbers["[CLS]"], let last = numbers["[SEP]"], limit > 2
    else { return nil }
    (self.unknown, self.first, self.last, self.limit) = (unknown, first, last, limit)
  }

  /// - Returns: at least the first and last special tokens.
  public func tokens(_ text: String) -> [Int] {
    var result = [first]
    for word in Self.words(text) {
      result += pieces(word)
      if result.count >= limit - 1 { break }
    }
    return result.prefix(limit - 1) + [last]
  }

  /// Words and punctuation in lower case without accents.
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

  /// Unicode punctuation, and all ASCII characters except letters, digits and spaces.
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

  /// Chinese characters, each a separate word: the blocks of BERT's tokenizer.
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
      // An unknown part makes the whole word unknown.
      guard let found else { return [unknown] }
      result.append(found)
      start = end
    }
    return result
  }
}
