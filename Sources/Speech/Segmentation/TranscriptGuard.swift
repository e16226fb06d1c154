import Foundation

/// Rejects texts that recognisers make of noise, music and silence.
///
/// Recognisers that were trained on captions invent text: a short "Thank you." from a hum, or the same words over and over.
/// See Koenecke et al., "Careless Whisper" (FAccT 2024), and Radford et al., "Robust Speech Recognition via Large-Scale Weak
/// Supervision" (2022), §4.5, whose test for repetition is similar.
struct TranscriptGuard {
  /// Texts that recognisers make of noise.
  private static let inventions: Set<String> = [
    "you", "thank you", "thanks", "thanks for watching", "thank you for watching", "bye", "bye bye", "oh",
    "uh", "um",
    "hmm", "mm", "mhm", "ah", "i", "the", "a", "so", "okay bye", "music", "applause", "silence", "laughter",
    "please subscribe", "subscribe",
  ]

  /// Returns the reason to reject a text; nil to accept it.
  ///
  /// - Parameters:
  ///   - voice: seconds of voice.
  ///   - length: of the utterance, seconds.
  ///   - level: of the voice over the noise, dB; nil when unknown.
  static func problem(_ text: String, voice: Double, length: Double, level: Double?) -> String? {
    let words = TextNormaliser.words(text)
    guard !words.isEmpty else { return "no words" }
    let isShort = voice < 0.7 || voice < 0.35 * length
    if inventions.contains(words.joined(separator: " ")), isShort || (level ?? 30) < 6 {
      return "a text that recognisers make of noise"
    }
    if let level, level < 2 { return "the voice is no louder than the noise" }
    // Fast speakers say six words a second.
    if Double(words.count) > 8 * max(voice, 0.25) + 2 { return "more words than fit into the time" }
    // Captions of sounds are in brackets.
    let plain = text.trimmingCharacters(in: .whitespaces)
    if let first = plain.first, let last = plain.last,
      (first == "[" && last == "]") || (first == "(" && last == ")")
        || (first == "♪" || last == "♪")
    {
      return "a caption of a sound"
    }
    return nil
  }

  /// Returns the text with each run of up to eight words that occurs four times or more in a row reduced to one.
  static func withoutLoops(_ text: String) -> String {
    var words = text.split(separator: " ").map(String.init)
    for size in 1...8 {
      var index = 0
      while index + 4 * size <= words.count {
        let run = words[index..<index + size].map(TextNormaliser.key)
        var count = 1
        while index + (count + 1) * size <= words.count,
          words[index + count * size..<index + (count + 1) * size].map(TextNormaliser.key) == run
        {
          count += 1
        }
        if count >= 4 { words.removeSubrange(index + size..<index + count * size) }
        index += 1
      }
    }
    return words.joined(separator: " ")
  }
}
