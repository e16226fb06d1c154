internal import Authorisation
import Speech

/// An event that the speech service handles, in the order of arrival.
enum SpeechEvent: Sendable {
  case transcript(microphone: String, TranscriptEvent)
  case microphone(String, isOpen: Bool)
  case buttonChanged
  /// A text of a client, with its rights.
  case question(String, by: Rights)
  case forget
  case answer(UInt64, ChatResponder.Delivery)

  /// The class of an event in the queue's limits and counts; the raw value is the label of the metric.
  enum Kind: String, Sendable, CaseIterable {
    /// Texts of utterances that go on: the next one replaces a dropped one.
    case partial = "partial_transcript"
    /// Questions and requests of clients.
    case request
    /// Begins, ends and final texts of utterances, wake words, and recogniser errors.
    case transcript
    /// Microphones that open or close, and the push-to-talk button.
    case state
    /// Pieces of the language model's answer.
    case answer
  }

  var kind: Kind {
    switch self {
    case .transcript(_, .transcript(let transcript)) where transcript.state == .partial: .partial
    case .transcript: .transcript
    case .microphone, .buttonChanged: .state
    case .question, .forget: .request
    case .answer: .answer
    }
  }
}
