import Foundation

/// How much louder a voice is than the quiet around it.
struct NoiseLevel {
  /// Mean squares: of quiet, which falls fast and rises slowly, and of the voice since the last long quiet.
  private var quiet: Double?
  private var voice = 0.0
  private var voiced = 0
  private var silent = 0

  /// Windows of quiet after which a voice is measured anew: about a second.
  private static let forgets = 32

  /// dB; nil before there was quiet or a voice.
  var ratio: Double? {
    guard let quiet, voiced > 0, voice > 0 else { return nil }
    return 10 * log10(voice / Double(voiced) / max(quiet, 1e-12))
  }

  mutating func add(_ window: [Float], isVoice: Bool) {
    let square = window.reduce(0.0) { $0 + Double($1 * $1) } / Double(max(1, window.count))
    if isVoice {
      if silent >= Self.forgets { (voice, voiced) = (0, 0) }
      silent = 0
      voice += square
      voiced += 1
    } else {
      silent += 1
      let known = quiet ?? square
      quiet = square < known ? known * 0.7 + square * 0.3 : known * 0.98 + square * 0.02
    }
  }
}
