import Foundation

/// Text as words that can be compared: small letters, without punctuation, contractions and numbers spelt out.
///
/// After the English normaliser of Radford et al. (2022), appendix C, with two differences: numbers become words rather than
/// digits, and British spellings are left as they are.
public enum TextNormaliser {
  private static let wholes: [String: String] = [
    "won't": "will not", "can't": "can not", "cannot": "can not", "let's": "let us", "ain't": "aint",
    "y'all": "you all",
    "wanna": "want to", "gotta": "got to", "gonna": "going to", "i'ma": "i am going to",
    "woulda": "would have", "coulda": "could have", "shoulda": "should have", "ma'am": "madam",
    "mr": "mister", "mrs": "missus", "st": "saint", "dr": "doctor", "prof": "professor", "capt": "captain",
    "gov": "governor", "gen": "general", "sen": "senator", "rep": "representative", "rev": "reverend",
    "hon": "honorable", "jr": "junior", "sr": "senior", "esq": "esquire", "okay": "ok", "%": "percent",
  ]
  private static let endings: [(String, String)] = [
    ("n't", " not"), ("'re", " are"), ("'s", " is"), ("'d", " would"), ("'ll", " will"), ("'t", " not"),
    ("'ve", " have"), ("'m", " am"),
  ]
  private static let hesitations: Set<String> = ["hmm", "mm", "mhm", "mmm", "uh", "um"]

  /// A word without case and punctuation.
  static func key(_ word: String) -> String {
    String(word.lowercased().unicodeScalars.filter { CharacterSet.alphanumerics.contains($0) || $0 == "'" })
  }

  public static func words(_ text: String) -> [String] {
    var plain = ""
    var depth = 0
    for character in text.lowercased().decomposedStringWithCanonicalMapping.unicodeScalars {
      switch character {
      case "[", "(": depth += 1
      case "]", ")": depth = max(0, depth - 1)
      case "’", "'": if depth == 0 { plain.append("'") }
      case ",":
        // Inside a number it is no break.
        if depth == 0 { plain.append((plain.last?.isNumber ?? false) ? "," : " ") }
      case "%": if depth == 0 { plain.append(" %") }
      case ".": if depth == 0 { plain.append((plain.last?.isNumber ?? false) ? "." : " ") }
      default:
        guard depth == 0 else { continue }
        if CharacterSet.nonBaseCharacters.contains(character) { continue }
        if CharacterSet.alphanumerics.contains(character) {
          plain.unicodeScalars.append(character)
        } else {
          plain.append(" ")
        }
      }
    }
    var words: [String] = []
    for part in plain.split(separator: " ") {
      var word = String(part)
      while let last = word.last, ".,".contains(last) { word.removeLast() }
      while word.hasPrefix("'") { word.removeFirst() }
      if hesitations.contains(word) || word.isEmpty { continue }
      if let whole = wholes[word] {
        words += whole.split(separator: " ").map(String.init)
        continue
      }
      if word.first?.isNumber == true, let spelt = NumberWords.spelt(word) {
        words += spelt
        continue
      }
      for (ending, long) in endings where word.hasSuffix(ending) && word.count > ending.count {
        word = word.dropLast(ending.count) + long
        break
      }
      words += word.split(separator: " ").map { $0.filter { $0 != "'" } }.filter { !$0.isEmpty }
    }
    return words
  }
}
