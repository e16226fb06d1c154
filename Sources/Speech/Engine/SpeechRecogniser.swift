/// Turns sound into text.
public protocol SpeechRecogniser: Sendable {
  var identity: RecogniserIdentity { get }

  /// Blocks until the text is complete; called on a thread of its own.
  ///
  /// - Parameter samples: 16 kHz, mono, −1 to 1; at most 30 seconds.
  func recognise(_ samples: [Float]) throws(SpeechError) -> Recognition
}

/// Model, version and digest of a recogniser, as annotations name their source.
public struct RecogniserIdentity: Sendable, Hashable {
  public var model: String
  public var version: String
  /// SHA-256 of the model's manifest; empty for a server's model.
  public var digest: String

  public init(model: String, version: String, digest: String) {
    self.model = model
    self.version = version
    self.digest = digest
  }
}

/// The text of a piece of sound.
public struct Recognition: Sendable, Equatable {
  public struct Word: Sendable, Equatable {
    public var text: String
    /// Seconds from the first sample.
    public var start: Double
    /// Seconds from the first sample.
    public var end: Double
    /// 0 to 1; nil where the model gives none.
    public var confidence: Double?

    public init(text: String, start: Double, end: Double, confidence: Double? = nil) {
      self.text = text
      self.start = start
      self.end = end
      self.confidence = confidence
    }
  }

  public var text: String
  /// Empty where the model gives no times.
  public var words: [Word]
  /// Mean over the model's tokens, 0 to 1; nil where it gives none.
  public var confidence: Double?
  /// The model's name of the language; nil where it gives none.
  public var language: String?

  public init(text: String, words: [Word] = [], confidence: Double? = nil, language: String? = nil) {
    self.text = text
    self.words = words
    self.confidence = confidence
    self.language = language
  }
}
