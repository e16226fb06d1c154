public import Spatial

/// What was said, as far as it is known.
public struct Transcript: Sendable, Equatable {
  public enum State: UInt8, Sendable {
    /// The speaker goes on: the text will change.
    case partial
    /// The speaker paused. Should they go on at once, the utterance is told again as a whole.
    case final
  }

  /// Of the utterance, from 1.
  public var number: UInt64
  public var state: State
  public var text: String
  /// Seconds count from `start`; empty where the recogniser gives no times.
  public var words: [Recognition.Word] = []
  /// The recogniser's where it gives one, else the share of the sound that the voice detector took for a voice.
  public var confidence: Double
  public var language: String?
  public var source: RecogniserIdentity
  /// When the voice was first heard, and up to when it was listened to for this text.
  public var start: Timestamp
  public var end: Timestamp
  /// Seconds of decoding, and of waiting for it.
  public var decoding: Double
  public var waiting: Double
}

public enum TranscriptEvent: Sendable, Equatable {
  /// A voice was heard.
  case began(UInt64, at: Timestamp)
  case transcript(Transcript)
  /// The utterance is over: it will not be told again.
  case closed(UInt64)
  /// It was none: why.
  case dropped(UInt64, reason: String)
  /// A wake word was said.
  case woke(String, sureness: Double)
  /// The recogniser failed.
  case failed(String)
}
