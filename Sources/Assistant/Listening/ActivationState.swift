import Dialogue
import Spatial

/// Decides which speech is addressed to the bridge: by wake phrase, wake word, button, or all of it.
struct ActivationState {
  private let settings: SpeechSettings
  /// The phrase that begins an addressed utterance; after a detected wake word, that word.
  private var phrase: WakePhrase
  /// Until this time a question needs no wake phrase.
  private var followUpEnd = Timestamp(nanoseconds: 0)
  /// When a wake word was last detected.
  private var wokenAt: Timestamp?
  /// Until this time the microphone stays open after a wake word.
  private var wakeEnd = Timestamp(nanoseconds: 0)

  /// Seconds in which a question may follow an answer without the wake phrase.
  static let followUpTime = 8.0
  /// Seconds in which speech must begin after a wake word.
  private static let wakeTime = 6.0
  /// Seconds after a wake word in which an utterance may still begin with its text.
  private static let breath = 0.5

  init(_ settings: SpeechSettings) {
    self.settings = settings
    phrase = WakePhrase(settings.phrase)
  }

  /// Returns whether an utterance that begins at a time is addressed before its text is known.
  func isAddressed(at time: Timestamp) -> Bool { settings.activation != .phrase || time < followUpEnd }

  /// Opens the window that follows a wake word.
  mutating func wake(by word: String, at time: Timestamp) {
    phrase = WakePhrase(word)
    wokenAt = time
    wakeEnd = time.advanced(byNanoseconds: Int64(Self.wakeTime * 1e9))
  }

  /// Lets a question follow without a wake phrase, for as many seconds.
  mutating func allowFollowUp(for seconds: Double, from time: Timestamp) {
    followUpEnd = time.advanced(byNanoseconds: Int64(seconds * 1e9))
  }

  mutating func endFollowUp() { followUpEnd = Timestamp(nanoseconds: 0) }

  /// Ends the window of the wake word: its utterance was acted on.
  mutating func endWake(at time: Timestamp) { wakeEnd = time }

  /// Returns whether the microphone opened by a wake word may close; never while the button is held.
  func mayClose(at time: Timestamp, isHeld: Bool) -> Bool {
    settings.activation == .word && !isHeld && time > max(wakeEnd, followUpEnd)
  }

  /// Returns an utterance's text without the wake phrase or word; nil where it is not addressed to the bridge.
  ///
  /// - Parameters:
  ///   - start: of the utterance.
  ///   - isAddressed: of the utterance; becomes true with the wake phrase.
  func addressedText(_ text: String, startingAt start: Timestamp, isAddressed: inout Bool) -> String? {
    var text = text
    if settings.activation == .phrase {
      if let rest = phrase.rest(of: text) {
        isAddressed = true
        text = rest
      }
      guard isAddressed else { return nil }
    }
    if settings.activation == .word, let wokenAt, start.seconds(since: wokenAt) < Self.breath {
      text = phrase.rest(of: text, isHeard: true) ?? text
    }
    return text
  }
}
