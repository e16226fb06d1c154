import Foundation

/// Tells text from what recognisers make of noise, music and silence.
///
/// Models of speech that were trained on captions invent them: a short "Thank you." out of a hum, or the same words over
/// and over. See Koenecke et al., "Careless Whisper" (FAccT 2024), and Radford et al., "Robust Speech Recognition via
/// Large-Scale Weak Supervision" (2022), §4.5, whose test for repetition this is in spirit.
struct TranscriptGuard {
  /// What is heard in noise rather than said, when it is all that was heard.
  private static let inventions: Set<String> = [
    "you", "thank you", "thanks", "thanks for watching", "thank you for watching", "bye", "bye bye", "oh",
    "uh", "um",
    "hmm", "mm", "mhm", "ah", "i", "the", "a", "so", "okay bye", "music", "applause", "silence", "laughter",
    "please subscribe", "subscribe",
  ]

  /// - Parameters:
  ///   - voice: seconds with a voice.
  ///   - length: of the utterance, seconds.
  ///   - level: root mean square of the voiced part over that of the quiet before it, dB; nil when it is not known.
  /// - Returns: why it is no text; nil when it is.
  static func problem(_ text: String, voice: Double, length: Double, level: Double?) -> String? {
    let words = TextNormaliser.words(text)
    guard !words.isEmpty else { return "no words" }
    let isShort = voice < 0.7 || voice < 0.35 * length
    if inventions.contains(words.joined(separator: " ")), isShort || (level ?? 30) < 6 {
      return "a word of the kind that noise makes"
    }
    if let level, level < 2 { return "no louder than what was before" }
    // Fast speakers say six words a second.
    if Double(words.count) > 8 * max(voice, 0.25) + 2 { return "more words than can be said in the time" }
    // Bracketed remarks are captions of sounds.
    let plain = text.trimmingCharacters(in: .whitespaces)
    if let first = plain.first, let last = plain.last,
      (first == "[" && last == "]") || (first == "(" && last == ")")
        || (first == "♪" || last == "♪")
    {
      return "a caption of a sound"
    }
    return nil
  }

  /// The text without words that repeat themselves: a run of up to eight words, four times or more, is said once.
  static func withoutLoops(_ text: String) -> String {
    var words = text.split(separator: " ").map(String.init)
    for size in 1...8 {
      var place = 0
      while place + 4 * size <= words.count {
        let run = words[place..<place + size].map(TextNormaliser.key)
        var count = 1
        while place + (count + 1) * size <= words.count,
          words[place + count * size..<place + (count + 1) * size].map(TextNormaliser.key) == run
        {
          count += 1
        }
        if count >= 4 { words.removeSubrange(place + size..<place + count * size) }
        place += 1
      }
    }
    return words.joined(separator: " ")
  }
}
