import Spatial

/// The text of an utterance.
public struct Transcript: Sendable, Equatable {
  public enum State: UInt8, Sendable {
    /// The speaker goes on, and the text will change.
    case partial
    /// The speaker paused. Where they go on soon, the utterance is reported again as a whole.
    case final
  }

  /// Number of the utterance, from 1.
  public var number: UInt64
  public var state: State
  public var text: String
  /// Times in seconds from `start`; empty where the recogniser gives none.
  public var words: [Recognition.Word] = []
  /// 0 to 1: of the recogniser, or the share of voice in the sound where it gives none.
  public var confidence: Double
  public var language: String?
  public var source: RecogniserIdentity
  /// Begin of the voice.
  public var start: Timestamp
  /// End of the sound that the text is of.
  public var end: Timestamp
  /// Seconds of decoding.
  public var decoding: Double
  /// Seconds from the request to the begin of decoding.
  public var waiting: Double
}

/// An event of a transcriber. Utterances are identified by their number.
public enum TranscriptEvent: Sendable, Equatable {
  /// A voice was detected.
  case began(UInt64, at: Timestamp)
  case transcript(Transcript)
  /// The utterance is over; its text does not change any more.
  case closed(UInt64)
  /// The utterance is no speech, or was given up, for a reason.
  case dropped(UInt64, reason: String)
  /// A wake word was detected, with a confidence of 0 to 1.
  case woke(String, confidence: Double)
  /// The recogniser failed, with an error message.
  case failed(String)

  var utterance: UInt64? {
    switch self {
    case .began(let number, _), .closed(let number), .dropped(let number, _): number
    case .transcript(let transcript): transcript.number
    case .woke, .failed: nil
    }
  }
}
