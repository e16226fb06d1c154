import Foundation

/// The scene at the time of an utterance, in words for a language model.
public struct SceneContext: Sendable, Equatable {
  public struct Thing: Sendable, Equatable {
    public var label: String
    /// 0 to 1.
    public var confidence: Double
    /// Direction and distance from the viewer: "ahead, 1.2 m".
    public var direction: String

    public init(label: String, confidence: Double, direction: String) {
      self.label = label
      self.confidence = confidence
      self.direction = direction
    }
  }

  /// Under the gaze.
  public var gazed: Thing?
  public var objects: [Thing] = []
  public var hands: [Thing] = []
  public var gestures: [Thing] = []
  /// Texts in the scene.
  public var writing: [Thing] = []
  /// "the head looks 20° to the left and slightly down".
  public var pose = ""
  /// A JPEG of the gazed-at region; empty for none.
  public var picture: [UInt8] = []

  public init() {}
}
