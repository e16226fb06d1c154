import Sensing
import Spatial
import SwiftProtobuf

extension Vrbridge_V1_Vector {
  init(_ vector: Vector3) {
    self.init()
    (x, y, z) = (vector.x, vector.y, vector.z)
  }

  public var vector: Vector3 { Vector3(x, y, z) }
}

extension Vrbridge_V1_AnnotationKind {
  init(_ kind: Annotation.Kind) {
    self =
      switch kind {
      case .hand: .hand
      case .gesture: .gesture
      case .object: .object
      case .text: .text
      case .transcript: .transcript
      case .intent: .intent
      case .answer: .answer
      case .listening: .listening
      }
  }

  /// The kind in the types of `Sensing`; nil for a kind that this version does not define.
  public var annotationKind: Annotation.Kind? {
    switch self {
    case .hand: .hand
    case .gesture: .gesture
    case .object: .object
    case .text: .text
    case .transcript: .transcript
    case .intent: .intent
    case .answer: .answer
    case .listening: .listening
    case .unspecified, .UNRECOGNIZED: nil
    }
  }
}

extension Vrbridge_V1_AnchorSpace {
  init(_ space: Annotation.Anchor.Space) {
    self =
      switch space {
      case .world: .world
      case .head: .head
      case .hand: .hand
      case .screen: .screen
      }
  }
}

extension Vrbridge_V1_TextState {
  init(_ state: Annotation.TextState) {
    self =
      switch state {
      case .partial: .partial
      case .final: .final
      case .interrupted: .interrupted
      }
  }
}

extension Vrbridge_V1_Annotation {
  public init(_ annotation: Annotation) {
    self.init()
    id = annotation.id
    kind = Vrbridge_V1_AnnotationKind(annotation.kind)
    label = annotation.label
    confidence = Float(annotation.confidence)
    model = annotation.source.model
    modelVersion = annotation.source.version
    modelDigest = annotation.source.digest
    capturedNs = annotation.captured.nanoseconds
    publishedNs = annotation.published.nanoseconds
    waitingS = Float(annotation.waiting)
    preparingS = Float(annotation.preparing)
    inferringS = Float(annotation.inferring)
    timeToLiveS = Float(annotation.timeToLive)
    ended = annotation.isEnded
    supersededBy = annotation.supersededBy ?? 0
    strength = Float(annotation.strength ?? 0)
    handedness = annotation.isRightHand.map { $0 ? .right : .left } ?? .unspecified
    if let source = annotation.region {
      region.camera = source.camera
      region.pictureWidth = UInt32(clamping: source.width)
      region.pictureHeight = UInt32(clamping: source.height)
      (region.x, region.y) = (source.x, source.y)
      (region.width, region.height) = (source.sizeX, source.sizeY)
      region.rotation = source.rotation
      region.points = source.points.flatMap { [Float($0.x), Float($0.y)] }
    }
    if let source = annotation.anchor {
      anchor.space = Vrbridge_V1_AnchorSpace(source.space)
      anchor.origin = Vrbridge_V1_Vector(source.origin)
      anchor.direction = Vrbridge_V1_Vector(source.direction)
      anchor.distance = source.distance ?? 0
      anchor.size = source.size ?? 0
    }
    textState = annotation.textState.map { Vrbridge_V1_TextState($0) } ?? .unspecified
    words = annotation.words.map { word in
      .with {
        $0.text = word.text
        $0.startNs = word.start.nanoseconds
        $0.endNs = word.end.nanoseconds
        $0.confidence = Float(word.confidence ?? 0)
      }
    }
    joints = annotation.joints.map { joint in
      let q = joint.pose.orientation
      return .with {
        $0.position = Vrbridge_V1_Vector(joint.pose.position)
        $0.orientation = [Float(q.x), Float(q.y), Float(q.z), Float(q.w)]
        $0.radius = Float(joint.radius)
        $0.inferred = joint.isInferred
      }
    }
  }
}
