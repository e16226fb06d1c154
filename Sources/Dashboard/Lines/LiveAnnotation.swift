import Sensing
import Spatial

/// An annotation in a line of `/live`, with the fields of the protocol's `Annotation`.
struct LiveAnnotation: Encodable {
  struct Vector: Encodable {
    var x, y, z: Double?

    init(_ vector: Vector3) {
      (x, y, z) = (unless(vector.x, is: 0), unless(vector.y, is: 0), unless(vector.z, is: 0))
    }
  }

  struct Region: Encodable {
    var camera: String?
    var pictureWidth, pictureHeight: UInt32?
    var x, y, width, height, rotation: Double?
    var points: [Float]?

    init(_ region: Annotation.Region) {
      camera = unless(region.camera, is: "")
      pictureWidth = unless(UInt32(clamping: region.width), is: 0)
      pictureHeight = unless(UInt32(clamping: region.height), is: 0)
      (x, y) = (unless(region.x, is: 0), unless(region.y, is: 0))
      (width, height) = (unless(region.sizeX, is: 0), unless(region.sizeY, is: 0))
      rotation = unless(region.rotation, is: 0)
      points = region.points.isEmpty ? nil : region.points.flatMap { [Float($0.x), Float($0.y)] }
    }
  }

  struct Anchor: Encodable {
    var space: String
    var origin, direction: Vector
    var distance, size: Double?

    init(_ anchor: Annotation.Anchor) {
      space = "ANCHOR_SPACE_" + String(describing: anchor.space).uppercased()
      (origin, direction) = (Vector(anchor.origin), Vector(anchor.direction))
      distance = unless(anchor.distance ?? 0, is: 0)
      size = unless(anchor.size ?? 0, is: 0)
    }
  }

  struct Joint: Encodable {
    var position: Vector
    var orientation: [Float]
    var radius: Float?
    var inferred: Bool?

    init(_ joint: Annotation.Joint) {
      position = Vector(joint.pose.position)
      let q = joint.pose.orientation
      orientation = [Float(q.x), Float(q.y), Float(q.z), Float(q.w)]
      radius = unless(Float(joint.radius), is: 0)
      inferred = unless(joint.isInferred, is: false)
    }
  }

  struct Word: Encodable {
    var text: String?
    var startNs, endNs: String?
    var confidence: Float?

    init(_ word: Annotation.Word) {
      text = unless(word.text, is: "")
      (startNs, endNs) = (word.start.nanoseconds.json, word.end.nanoseconds.json)
      confidence = unless(Float(word.confidence ?? 0), is: 0)
    }
  }

  var id: String?
  var kind: String
  var label: String?
  var confidence: Float?
  var model, modelVersion, modelDigest: String?
  var capturedNs, publishedNs: String?
  var waitingS, preparingS, inferringS, timeToLiveS: Float?
  var region: Region?
  var anchor: Anchor?
  var joints: [Joint]?
  var handedness: String?
  var strength: Float?
  var ended: Bool?
  var textState: String?
  var words: [Word]?
  var supersededBy: String?

  init(_ annotation: Annotation) {
    id = annotation.id.json
    kind = "ANNOTATION_KIND_" + annotation.kind.name.uppercased()
    label = unless(annotation.label, is: "")
    confidence = unless(Float(annotation.confidence), is: 0)
    model = unless(annotation.source.model, is: "")
    modelVersion = unless(annotation.source.version, is: "")
    modelDigest = unless(annotation.source.digest, is: "")
    capturedNs = annotation.captured.nanoseconds.json
    publishedNs = annotation.published.nanoseconds.json
    waitingS = unless(Float(annotation.waiting), is: 0)
    preparingS = unless(Float(annotation.preparing), is: 0)
    inferringS = unless(Float(annotation.inferring), is: 0)
    timeToLiveS = unless(Float(annotation.timeToLive), is: 0)
    region = annotation.region.map { Region($0) }
    anchor = annotation.anchor.map { Anchor($0) }
    joints = annotation.joints.isEmpty ? nil : annotation.joints.map { Joint($0) }
    handedness = annotation.isRightHand.map { $0 ? "HANDEDNESS_RIGHT" : "HANDEDNESS_LEFT" }
    strength = unless(Float(annotation.strength ?? 0), is: 0)
    ended = unless(annotation.isEnded, is: false)
    textState = annotation.textState.map { "TEXT_STATE_" + String(describing: $0).uppercased() }
    words = annotation.words.isEmpty ? nil : annotation.words.map { Word($0) }
    supersededBy = annotation.supersededBy?.json
  }
}
