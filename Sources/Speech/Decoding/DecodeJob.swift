import Spatial

/// Work for the decoding thread.
enum DecodeJob {
  /// Sound of an utterance.
  struct Sound {
    var utterance: UInt64
    /// 16 kHz, −1 to 1.
    var samples: [Float]
    /// When the utterance began, and the end of these samples.
    var start: Timestamp
    var end: Timestamp
    /// When decoding was requested, CLOCK_MONOTONIC in nanoseconds.
    var requested: Int64
  }

  /// The text so far of an utterance that goes on.
  ///
  /// - freezes: the text of this sound is kept, and the next partial text begins after it.
  case partial(Sound, freezes: Bool)
  /// An utterance up to a pause.
  ///
  /// - position: of the pause, in samples from the start of the stream; identifies the text for `final`.
  /// - level: of the voice over the noise, dB; nil when unknown.
  case whole(Sound, position: Int, level: Double?)
  /// Reports the text of the `whole` with this position as final.
  ///
  /// - voice: seconds of voice in the utterance.
  case final(UInt64, position: Int, voice: Double)
  case report(TranscriptEvent)
  case stop

  /// The utterance that the job belongs to; nil for none.
  var utterance: UInt64? {
    switch self {
    case .partial(let sound, _), .whole(let sound, _, _): sound.utterance
    case .final(let utterance, _, _): utterance
    case .report(let event): event.utterance
    case .stop: nil
    }
  }
}
