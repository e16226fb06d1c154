import Foundation

/// Measures the level of a voice over the noise around it.
struct NoiseLevel {
  /// Mean square of the noise, which falls fast and rises slowly.
  private var noise: Double?
  /// Sum of the mean squares of voiced windows since the last long pause.
  private var voice = 0.0
  private var voicedWindows = 0
  private var silentWindows = 0

  /// Windows of silence after which the voice is measured anew: about a second.
  private static let resetAfter = 32

  /// dB; nil before there was silence and a voice.
  var ratio: Double? {
    guard let noise, voicedWindows > 0, voice > 0 else { return nil }
    return 10 * log10(voice / Double(voicedWindows) / max(noise, 1e-12))
  }

  mutating func add(_ window: [Float], isVoice: Bool) {
    let square = window.reduce(0.0) { $0 + Double($1 * $1) } / Double(max(1, window.count))
    if isVoice {
      if silentWindows >= Self.resetAfter { (voice, voicedWindows) = (0, 0) }
      silentWindows = 0
      voice += square
      voicedWindows += 1
    } else {
      silentWindows += 1
      let known = noise ?? square
      noise = square < known ? known * 0.7 + square * 0.3 : known * 0.98 + square * 0.02
    }
  }
}
