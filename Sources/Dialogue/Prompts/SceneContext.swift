import Foundation

/// What the bridge knows when somebody speaks, in words for a language model.
public struct SceneContext: Sendable, Equatable {
  public struct Thing: Sendable, Equatable {
    public var label: String
    /// 0 to 1.
    public var confidence: Double
    /// Where, from the viewer: "ahead, 1.2 m".
    public var place: String

    public init(label: String, confidence: Double, place: String) {
      self.label = label
      self.confidence = confidence
      self.place = place
    }
  }

  /// Under the gaze.
  public var gazed: Thing?
  public var objects: [Thing] = []
  public var hands: [Thing] = []
  public var gestures: [Thing] = []
  /// Writing in the scene.
  public var writing: [Thing] = []
  /// "the head looks 20° to the left and slightly down".
  public var pose = ""
  /// A JPEG of what is looked at; empty when there is none.
  public var picture: [UInt8] = []

  public init() {}
}
