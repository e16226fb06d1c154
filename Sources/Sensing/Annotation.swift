import Spatial

/// What was seen or heard, with the place it belongs to.
public struct Annotation: Sendable, Hashable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case hand, gesture, object, text, transcript, intent, answer
    /// The bridge listens to a microphone.
    case listening

    /// Heard rather than seen: only for those who may listen.
    public var isSpeech: Bool { rawValue >= Kind.transcript.rawValue }

    public var name: String { String(describing: self) }
  }

  /// A rectangle in a camera's picture, pixels; `rotation` is clockwise.
  public struct Region: Sendable, Hashable {
    public var camera: String
    /// Of the picture.
    public var width: Int
    public var height: Int
    public var x: Double
    public var y: Double
    public var sizeX: Double
    public var sizeY: Double
    public var rotation: Double
    /// Points that the model found, such as a hand's landmarks.
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

  /// Where it is, at the time of the picture. A thing of unknown distance is a ray: `distance` is nil.
  public struct Anchor: Sendable, Hashable {
    public enum Space: UInt8, Sendable, CaseIterable {
      /// The renderer's scene: it stays where it was seen while the head moves.
      case world
      /// It moves with the head.
      case head
      case hand
      case screen
    }

    public var space: Space
    /// The camera, where the ray starts, and its direction, of length one.
    public var origin: Vector3
    public var direction: Vector3
    /// Metres along the ray.
    public var distance: Double?
    /// Metres across; nil when it is not known.
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
    /// Computed from others, not seen by itself.
    public var isInferred: Bool

    public init(pose: Pose, radius: Double, isInferred: Bool) {
      self.pose = pose
      self.radius = radius
      self.isInferred = isInferred
    }
  }

  public enum TextState: UInt8, Sendable, CaseIterable {
    case partial
    case final
    /// It broke off.
    case interrupted
  }

  /// A word that was said.
  public struct Word: Sendable, Hashable {
    public var text: String
    public var start: Timestamp
    public var end: Timestamp
    /// 0 to 1; nil when the model gives none.
    public var confidence: Double?

    public init(text: String, start: Timestamp, end: Timestamp, confidence: Double?) {
      self.text = text
      self.start = start
      self.end = end
      self.confidence = confidence
    }
  }

  /// Which model said it.
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

  /// Stays while the thing stays.
  public var id: UInt64
  public var kind: Kind
  public var label: String
  /// 0 to 1.
  public var confidence: Double
  public var source: Source
  /// When the light was gathered or the sound was made.
  public var captured: Timestamp
  /// When the annotation was ready.
  public var published: Timestamp
  /// Seconds of waiting, of preparing the picture, and of the models.
  public var waiting = 0.0
  public var preparing = 0.0
  public var inferring = 0.0
  public var region: Region?
  public var anchor: Anchor?
  /// 26 of them for a hand, else none.
  public var joints: [Joint] = []
  /// For hands and their gestures.
  public var isRightHand: Bool?
  /// Of a pinch, 0 to 1; of another gesture its own measure.
  public var strength: Double?
  /// It is shown no longer than this after `captured`, in seconds, unless it comes again.
  public var timeToLive = 0.5
  /// The thing is gone: the last of this id.
  public var isEnded = false
  /// With `isEnded`: what is shown in its place.
  public var supersededBy: UInt64?
  /// Of a label that grows; nil for others.
  public var textState: TextState?
  /// Of a transcript, where the model gives times.
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
