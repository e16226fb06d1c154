import BridgeProtocol
import CommandSupport

/// One annotation as a line of JSON.
struct AnnotationLine: Encodable {
  private typealias Number = Nullable<Double>
  private struct Stages: Encodable {
    var waiting: Nullable<Double>
    var preparing: Nullable<Double>
    var inferring: Nullable<Double>
  }
  private struct Region: Encodable {
    var camera: String
    var x: Nullable<Double>
    var y: Nullable<Double>
    var width: Nullable<Double>
    var height: Nullable<Double>
    var rotation: Nullable<Double>
  }
  private struct Anchor: Encodable {
    var space: String
    var origin: [Nullable<Double>]
    var direction: [Nullable<Double>]
    /// Metres; null when unknown.
    var distance: Nullable<Double>
  }
  private struct Word: Encodable {
    var text: String
    var startNs: Int64
    var endNs: Int64
    var confidence: Nullable<Double>
  }

  private var annotation: UInt64
  private var kind: String
  private var label: String
  private var confidence: Nullable<Double>
  private var model: String
  private var version: String
  private var digest: String
  private var capturedNs: Int64
  private var publishedNs: Int64
  private var seenNs: Int64
  private var ended: Bool
  private var stagesS: Stages
  private var hand: String?
  private var strength: Nullable<Double>?
  private var region: Region?
  private var anchor: Anchor?
  private var joints: [[Nullable<Double>]]?
  private var textState: String?
  private var words: [Word]?

  /// - Parameter seen: when this program received it (ns, CLOCK_MONOTONIC).
  static func text(_ annotation: Vrbridge_V1_Annotation, seen: Int64) -> String {
    JSONLine.text(AnnotationLine(annotation, seen: seen))
  }

  private init(_ source: Vrbridge_V1_Annotation, seen: Int64) {
    func list(_ vector: Vrbridge_V1_Vector) -> [Number] {
      [Number(number: vector.x), Number(number: vector.y), Number(number: vector.z)]
    }
    annotation = UInt64(source.id)
    kind = AnnotationTable.kind(source.kind)
    (label, model, version, digest) = (source.label, source.model, source.modelVersion, source.modelDigest)
    confidence = Number(number: Double(source.confidence))
    (capturedNs, publishedNs, seenNs) = (source.capturedNs, source.publishedNs, seen)
    ended = source.ended
    stagesS = Stages(
      waiting: Number(number: Double(source.waitingS)),
      preparing: Number(number: Double(source.preparingS)),
      inferring: Number(number: Double(source.inferringS)))
    if source.handedness != .unspecified {
      hand = source.handedness == .right ? "right" : "left"
      strength = Number(number: Double(source.strength))
    }
    if source.hasRegion {
      let region = source.region
      self.region = Region(
        camera: region.camera, x: Number(number: region.x), y: Number(number: region.y),
        width: Number(number: region.width), height: Number(number: region.height),
        rotation: Number(number: region.rotation))
    }
    if source.hasAnchor {
      let anchor = source.anchor
      let spaces: [Vrbridge_V1_AnchorSpace: String] = [
        .world: "world", .head: "head", .hand: "hand", .screen: "screen",
      ]
      self.anchor = Anchor(
        space: spaces[anchor.space] ?? "other", origin: list(anchor.origin),
        direction: list(anchor.direction),
        distance: Number(anchor.distance > 0 ? anchor.distance.finite : nil))
    }
    if !source.joints.isEmpty { joints = source.joints.map { list($0.position) } }
    if source.textState != .unspecified {
      let states: [Vrbridge_V1_TextState: String] = [
        .partial: "partial", .final: "final", .interrupted: "interrupted",
      ]
      textState = states[source.textState] ?? "other"
    }
    if !source.words.isEmpty {
      words = source.words.map {
        Word(
          text: $0.text, startNs: $0.startNs, endNs: $0.endNs,
          confidence: Number(number: Double($0.confidence)))
      }
    }
  }
}
