import BridgeProtocol
import Foundation
import Spatial

/// What models see, for `vrbridge watch`: the lower part of the table, and lines of JSON.
enum AnnotationTable {
  static func lines(_ annotations: [Vrbridge_V1_Annotation], now: Int64, limit: Int = 16) -> [String] {
    guard !annotations.isEmpty else { return [] }
    var lines = [
      Terminal.styled(
        "SEEN       WHAT                    SURE   PLACE                         AGE ms   MODEL", .dim)
    ]
    let sorted = annotations.sorted { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) }
    for annotation in sorted.prefix(limit) {
      lines.append(
        [
          Terminal.styled(Terminal.pad(kind(annotation.kind), 10), .cyan), Terminal.pad(annotation.label, 22),
          Terminal.padLeft("\(Int((annotation.confidence * 100).rounded()))%", 5), " ",
          Terminal.pad(place(annotation), 27),
          Terminal.padLeft(String(format: "%.0f", Double(now - annotation.capturedNs) * 1e-6), 7), " ",
          "\(annotation.model) \(annotation.modelVersion)",
        ].joined(separator: " "))
    }
    if sorted.count > limit { lines.append("… \(sorted.count - limit) more") }
    return lines
  }

  private static func kind(_ kind: Vrbridge_V1_AnnotationKind) -> String {
    switch kind {
    case .hand: "hand"
    case .gesture: "gesture"
    case .object: "object"
    case .text: "text"
    case .transcript: "speech"
    case .intent: "intent"
    case .answer: "answer"
    case .unspecified, .UNRECOGNIZED: "other"
    }
  }

  /// Degrees to the right and up from straight ahead, and the distance where it is known.
  private static func place(_ annotation: Vrbridge_V1_Annotation) -> String {
    guard annotation.hasAnchor else { return "–" }
    let d = annotation.anchor.direction
    let degree = 180 / Double.pi
    var text = String(
      format: "%+4.0f° across %+3.0f° up", atan2(d.x, -d.z) * degree, asin(min(max(d.y, -1), 1)) * degree)
    if annotation.anchor.distance > 0 { text += String(format: " %.2f m", annotation.anchor.distance) }
    return text
  }

  static func json(_ annotation: Vrbridge_V1_Annotation, seen: Int64) -> String {
    func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    func list(_ vector: Vrbridge_V1_Vector) -> String {
      "[\(number(vector.x)),\(number(vector.y)),\(number(vector.z))]"
    }
    var text =
      "{\"annotation\":\(annotation.id),\"kind\":\"\(kind(annotation.kind))\",\"label\":\(PoseLine.quoted(annotation.label)),\"confidence\":\(number(Double(annotation.confidence))),\"model\":\(PoseLine.quoted(annotation.model)),\"version\":\(PoseLine.quoted(annotation.modelVersion)),\"digest\":\(PoseLine.quoted(annotation.modelDigest)),\"captured_ns\":\(annotation.capturedNs),\"published_ns\":\(annotation.publishedNs),\"seen_ns\":\(seen),\"ended\":\(annotation.ended)"
    text +=
      ",\"stages_s\":{\"waiting\":\(number(Double(annotation.waitingS))),\"preparing\":\(number(Double(annotation.preparingS))),\"inferring\":\(number(Double(annotation.inferringS)))}"
    if annotation.handedness != .unspecified {
      text +=
        ",\"hand\":\"\(annotation.handedness == .right ? "right" : "left")\",\"strength\":\(number(Double(annotation.strength)))"
    }
    if annotation.hasRegion {
      let region = annotation.region
      text +=
        ",\"region\":{\"camera\":\(PoseLine.quoted(region.camera)),\"x\":\(number(region.x)),\"y\":\(number(region.y)),\"width\":\(number(region.width)),\"height\":\(number(region.height)),\"rotation\":\(number(region.rotation))}"
    }
    if annotation.hasAnchor {
      let anchor = annotation.anchor
      let space = anchor.space == .world ? "world" : "head"
      text +=
        ",\"anchor\":{\"space\":\"\(space)\",\"origin\":\(list(anchor.origin)),\"direction\":\(list(anchor.direction)),\"distance\":\(anchor.distance > 0 ? number(anchor.distance) : "null")}"
    }
    if !annotation.joints.isEmpty {
      text += ",\"joints\":[" + annotation.joints.map { list($0.position) }.joined(separator: ",") + "]"
    }
    return text + "}"
  }
}
