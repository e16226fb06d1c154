import Spatial

/// A result of perception or speech recognition, anchored in the scene.
public struct Annotation: Sendable, Hashable {
  public enum Kind: Sendable, Hashable, CaseIterable {
    case hand, gesture, object, text, transcript, intent, answer
    /// A microphone is open.
    case listening

    /// The kind's name in configuration and sessions.
    public var name: String { String(describing: self) }
  }

  /// A rectangle in a camera's image, in pixels; `rotation` is clockwise, in radians.
  public struct Region: Sendable, Hashable {
    public var camera: String
    /// Size of the image.
    public var width: Int
    public var height: Int
    public var x: Double
    public var y: Double
    public var sizeX: Double
    public var sizeY: Double
    public var rotation: Double
    /// Points found by the model, such as a hand's landmarks.
    public var points: [SIMD2<Double>]

    public init(
      camera: String, width: Int, height: Int, x: Double, y: Double, sizeX: Double, sizeY: Double,
      rotation: Double = 0, points: [SIMD2<Double>] = []
    ) {
      self.camera = camera
      self.width = width
      self.height = height
      self.x = x
      self.y = y
      self.sizeX = sizeX
      self.sizeY = sizeY
      self.rotation = rotation
      self.points = points
    }
  }

  /// The location in the scene at the time of capture. Without a distance the anchor is a ray.
  public struct Anchor: Sendable, Hashable {
    public enum Space: Sendable, Hashable, CaseIterable {
      /// The renderer's scene: the anchor stays while the head moves.
      case world
      /// The anchor moves with the head.
      case head
      case hand
      case screen
    }

    public var space: Space
    /// The origin of the ray, in metres, and its direction, a unit vector.
    public var origin: Vector3
    public var direction: Vector3
    /// Metres along the ray.
    public var distance: Double?
    /// Metres across; nil when unknown.
    public var size: Double?

    public init(
      space: Space, origin: Vector3, direction: Vector3, distance: Double? = nil, size: Double? = nil
    ) {
      self.space = space
      self.origin = origin
      self.direction = direction
      self.distance = distance
      self.size = size
    }

    public var position: Vector3? { distance.map { origin + direction * $0 } }
  }

  /// One of the 26 joints of XR_EXT_hand_tracking, in the anchor's space.
  public struct Joint: Sendable, Hashable {
    public var pose: Pose
    /// Metres.
    public var radius: Double
    /// Derived from other joints rather than measured.
    public var isInferred: Bool

    public init(pose: Pose, radius: Double, isInferred: Bool) {
      self.pose = pose
      self.radius = radius
      self.isInferred = isInferred
    }
  }

  public enum TextState: Sendable, Hashable, CaseIterable {
    case partial
    case final
    /// The text ends before it was complete.
    case interrupted
  }

  /// A spoken word.
  public struct Word: Sendable, Hashable {
    public var text: String
    public var start: Timestamp
    public var end: Timestamp
    /// 0 to 1; nil when the model reports none.
    public var confidence: Double?

    public init(text: String, start: Timestamp, end: Timestamp, confidence: Double?) {
      self.text = text
      self.start = start
      self.end = end
      self.confidence = confidence
    }
  }

  /// The model that made the annotation.
  public struct Source: Sendable, Hashable {
    public var model: String
    public var version: String
    public var digest: String

    public init(model: String, version: String, digest: String) {
      self.model = model
      self.version = version
      self.digest = digest
    }
  }

  /// Constant while the same object, hand or text is tracked.
  public var id: UInt64
  public var kind: Kind
  public var label: String
  /// 0 to 1.
  public var confidence: Double
  public var source: Source
  /// Time of exposure or of the sound.
  public var captured: Timestamp
  /// Time of publication.
  public var published: Timestamp
  /// Seconds from capture to processing, of image preparation, and of inference.
  public var waiting = 0.0
  public var preparing = 0.0
  public var inferring = 0.0
  public var region: Region?
  public var anchor: Anchor?
  /// 26 for a hand, otherwise none.
  public var joints: [Joint] = []
  /// Handedness of a hand or of its gesture.
  public var isRightHand: Bool?
  /// 0 to 1 for a pinch; other gestures define their own measure.
  public var strength: Double?
  /// Seconds after `captured` at which the annotation expires unless it is updated.
  public var timeToLive = 0.5
  /// The last annotation of this id.
  public var isEnded = false
  /// With `isEnded`: the id of the annotation that replaces this one.
  public var supersededBy: UInt64?
  /// State of a label that grows; nil for other labels.
  public var textState: TextState?
  /// Words of a transcript, when the model reports their times.
  public var words: [Word] = []

  public init(
    id: UInt64, kind: Kind, label: String, confidence: Double, source: Source, captured: Timestamp,
    published: Timestamp
  ) {
    self.id = id
    self.kind = kind
    self.label = label
    self.confidence = confidence
    self.source = source
    self.captured = captured
    self.published = published
  }
}
