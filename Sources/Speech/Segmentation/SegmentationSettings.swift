/// Bounds of utterances, and how often their text is reported. Times are seconds.
public struct SegmentationSettings: Sendable, Equatable {
  /// Confidence of the voice detector from which a window counts as voice, 0 to 1.
  public var voiceThreshold = 0.5
  /// Sound before the first voiced window that belongs to the utterance.
  public var lead = 0.8
  /// Sound after the last voiced window that is decoded with it.
  public var tail = 0.3
  /// Silence after which the utterance is decoded, as it is probably over.
  public var firstPause = 0.4
  /// Silence after which its text is final.
  public var secondPause = 0.5
  /// Silence after which a voice begins a new utterance; before that it continues the old one, whose text is then
  /// reported again.
  public var separation = 1.5
  /// Length from which an utterance with a final text is over: the recogniser has enough context around each word,
  /// and decoding all of it again would cost more each time.
  public var enough = 8.0
  /// `separation` in noise, where recognisers rely more on context.
  public var noisySeparation = 2.0
  /// `enough` in noise.
  public var noisyEnough = 14.0
  /// Level of the voice over the noise, in dB, below which the sound counts as noisy.
  public var noiseRatio = 25.0
  /// Length at which an utterance is cut, at its last pause.
  public var longest = 20.0
  /// Voice in an utterance at least.
  public var leastVoice = 0.2
  /// Voice between two partial texts; fourteen windows.
  public var partialInterval = 0.448
  /// Sound before the voice that is decoded for a partial text.
  public var partialLead = 0.2
  /// Length of the sound that is decoded for a partial text; the text before it is kept.
  public var partialWindow = 1.3
  /// Report texts of utterances that go on.
  public var emitsPartialResults = true

  public init() {}
}
