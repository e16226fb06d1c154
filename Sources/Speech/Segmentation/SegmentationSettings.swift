/// When an utterance begins and ends, and how often its text is told meanwhile. Seconds.
public struct SegmentationSettings: Sendable, Equatable {
  /// Sureness from which the detector's window counts as voice, 0 to 1.
  public var voiceThreshold = 0.5
  /// Sound before the first voiced window that belongs to the utterance.
  public var lead = 0.8
  /// Sound after the last voiced window that is decoded with it.
  public var tail = 0.3
  /// Silence after which the utterance is decoded, in the hope that it is over.
  public var firstPause = 0.4
  /// Silence after which its text is final.
  public var secondPause = 0.5
  /// Silence after which a voice begins a new utterance; before that it goes on with the old one, whose text is then
  /// told anew.
  public var separation = 1.5
  /// Length from which an utterance whose text became final is over: the recogniser has heard enough around each word,
  /// and hearing all of it again would cost more and more.
  public var enough = 8.0
  /// The same two in noise, where a recogniser leans more on what is around a word.
  public var noisySeparation = 2.0
  public var noisyEnough = 14.0
  /// dB by which a voice is louder than the quiet around it, below which there is noise.
  public var noiseRatio = 25.0
  /// Length at which an utterance is cut, at its last pause.
  public var longest = 20.0
  /// Voice that an utterance must have.
  public var leastVoice = 0.2
  /// Voice between the texts of an utterance that goes on; fourteen windows.
  public var partialInterval = 0.448
  /// Sound before the voice that is decoded for such a text.
  public var partialLead = 0.2
  /// What of an utterance is decoded for such a text: the rest stands as it was told.
  public var partialWindow = 1.3
  /// Tell texts of utterances that go on.
  public var tellsPartials = true

  public init() {}
}
