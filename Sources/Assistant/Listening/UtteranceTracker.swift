import Perception
import Sensing
import Spatial
import Speech

/// An utterance of one microphone.
struct UtteranceID: Hashable, Sendable {
  var microphone: String
  var number: UInt64
}

/// Follows utterances from their begin to their end, and makes one annotation of each, whose text grows.
struct UtteranceTracker {
  private struct Utterance {
    var annotation: UInt64
    var isAddressed: Bool
    var begin: Timestamp
    /// Where the speaker looked when they began.
    var anchor: Annotation.Anchor?
    /// The final text that was acted on.
    var acted = ""
  }

  /// A text of an addressed utterance.
  struct Spoken {
    var utterance: UtteranceID
    var text: String
    /// The earlier final text of the same utterance; empty when there is none.
    var acted: String
    var isFinal: Bool
    var isAddressed: Bool
    var annotation: Annotation

    /// The speaker paused, and the text differs from the one that was acted on.
    var isNewCommand: Bool { isFinal && !text.isEmpty && text != acted }
  }

  private let settings: SpeechSettings
  private let languages: AnnotationSettings
  private let annotations: SpokenAnnotations
  private let placement: TextPlacement
  private var utterances: [UtteranceID: Utterance] = [:]

  /// Utterances at a time. Their ends may be dropped with the events of a full queue, so the oldest gives way.
  static let maximum = 64

  init(
    settings: SpeechSettings, languages: AnnotationSettings, annotations: SpokenAnnotations,
    placement: TextPlacement
  ) {
    self.settings = settings
    self.languages = languages
    self.annotations = annotations
    self.placement = placement
  }

  var isEmpty: Bool { utterances.isEmpty }

  mutating func begin(_ id: UtteranceID, isAddressed: Bool, at time: Timestamp) {
    if utterances.count >= Self.maximum, utterances[id] == nil,
      let oldest = utterances.min(by: { $0.value.begin < $1.value.begin })
    {
      drop(oldest.key)
    }
    utterances[id] = Utterance(annotation: annotations.ids.take(), isAddressed: isAddressed, begin: time)
  }

  mutating func close(_ id: UtteranceID) { utterances[id] = nil }

  /// Ends the annotation of an utterance that turned out to be no speech.
  mutating func drop(_ id: UtteranceID) {
    guard let utterance = utterances.removeValue(forKey: id) else { return }
    annotations.end(utterance.annotation, .transcript, captured: annotations.now)
  }

  /// Returns an utterance's text in the configured form.
  ///
  /// - Returns: nil for an unknown utterance, another language, or speech that is not addressed to the bridge.
  mutating func take(_ id: UtteranceID, _ transcript: Transcript, activation: ActivationState) -> Spoken? {
    guard var utterance = utterances[id], languages.wants(language: transcript.language),
      var text = activation.addressedText(
        transcript.text, startingAt: transcript.start, isAddressed: &utterance.isAddressed)
    else { return nil }
    if settings.hasDigits { text = NumberWords.withDigits(text) }
    if !settings.hasPunctuation { text = Self.withoutPunctuation(text) }
    utterance.anchor = utterance.anchor ?? placement.anchor(at: utterance.begin)
    utterances[id] = utterance
    return Spoken(
      utterance: id, text: text, acted: utterance.acted, isFinal: transcript.state == .final,
      isAddressed: utterance.isAddressed, annotation: annotation(utterance, text, transcript))
  }

  /// Remembers that a final text was acted on.
  mutating func acted(on spoken: Spoken) { utterances[spoken.utterance]?.acted = spoken.text }

  private func annotation(
    _ utterance: Utterance, _ text: String, _ transcript: Transcript
  ) -> Annotation {
    let source = transcript.source
    var annotation = annotations.make(
      utterance.annotation, .transcript, text, confidence: transcript.confidence,
      source: Annotation.Source(model: source.model, version: source.version, digest: source.digest),
      captured: transcript.end)
    annotation.textState = transcript.state == .final ? .final : .partial
    annotation.waiting = transcript.waiting
    annotation.inferring = transcript.decoding
    annotation.timeToLive = transcript.state == .final ? 6 : 3
    annotation.anchor = utterance.anchor
    annotation.words = transcript.words.map { word in
      Annotation.Word(
        text: word.text, start: transcript.start.advanced(byNanoseconds: Int64(word.start * 1e9)),
        end: transcript.start.advanced(byNanoseconds: Int64(word.end * 1e9)), confidence: word.confidence)
    }
    return annotation
  }

  private static func withoutPunctuation(_ text: String) -> String {
    text.filter { $0.isLetter || $0.isNumber || $0.isWhitespace || $0 == "'" || $0 == "-" }
  }
}
