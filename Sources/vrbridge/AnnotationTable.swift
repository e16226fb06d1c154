import BridgeProtocol
import Foundation
import Spatial

/// What models see, for `vrbridge watch`: the lower part of the table, and lines of JSON.
enum AnnotationTable {
  static func lines(_ annotations: [Vrbridge_V1_Annotation], now: Int64, limit: Int = 16) -> [String] {
    let heard = annotations.filter { $0.kind.rawValue >= Vrbridge_V1_AnnotationKind.transcript.rawValue }
    let seen = annotations.filter { $0.kind.rawValue < Vrbridge_V1_AnnotationKind.transcript.rawValue }
    let gap = seen.isEmpty || heard.isEmpty ? [] : [""]
    return table(of: seen, now: now, limit: limit) + gap + texts(heard)
  }

  /// What is said and answered, a line each; the newest last.
  private static func texts(_ annotations: [Vrbridge_V1_Annotation]) -> [String] {
    guard !annotations.isEmpty else { return [] }
    let sorted = annotations.sorted {
      ($0.kind == .listening ? 0 : 1, $0.id) < ($1.kind == .listening ? 0 : 1, $1.id)
    }
    return [Terminal.styled("HEARD", .dim)]
      + sorted.suffix(8).map { annotation in
        let mark =
          switch annotation.textState {
          case .partial: " …"
          case .interrupted: " (broken off)"
          default: ""
          }
        let text = annotation.label.replacing("\n", with: " ")
        return Terminal.styled(Terminal.pad(kind(annotation.kind), 10), .cyan) + " " + text.suffix(110) + mark
      }
  }

  private static func table(of annotations: [Vrbridge_V1_Annotation], now: Int64, limit: Int) -> [String] {
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

  /// Milliseconds of the newest of each kind, by stage.
  static func latency(_ annotations: [Vrbridge_V1_Annotation]) -> String {
    var newest: [Vrbridge_V1_AnnotationKind: Vrbridge_V1_Annotation] = [:]
    for annotation in annotations where annotation.hasRegion {
      if annotation.capturedNs > newest[annotation.kind]?.capturedNs ?? 0 {
        newest[annotation.kind] = annotation
      }
    }
    let parts = newest.values.sorted { $0.kind.rawValue < $1.kind.rawValue }.map { annotation in
      String(
        format: "%@ %.0f (waiting %.0f, preparing %.0f, models %.0f)", kind(annotation.kind),
        Double(annotation.publishedNs - annotation.capturedNs) * 1e-6, annotation.waitingS * 1000,
        annotation.preparingS * 1000, annotation.inferringS * 1000)
    }
    return parts.isEmpty ? "" : Terminal.styled("LATENCY ms ", .dim) + parts.joined(separator: " · ")
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
    case .listening: "listening"
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
      let spaces: [Vrbridge_V1_AnchorSpace: String] = [
        .world: "world", .head: "head", .hand: "hand", .screen: "screen",
      ]
      let space = spaces[anchor.space] ?? "other"
      text +=
        ",\"anchor\":{\"space\":\"\(space)\",\"origin\":\(list(anchor.origin)),\"direction\":\(list(anchor.direction)),\"distance\":\(anchor.distance > 0 ? number(anchor.distance) : "null")}"
    }
    if !annotation.joints.isEmpty {
      text += ",\"joints\":[" + annotation.joints.map { list($0.position) }.joined(separator: ",") + "]"
    }
    if annotation.textState != .unspecified {
      let states: [Vrbridge_V1_TextState: String] = [
        .partial: "partial", .final: "final", .interrupted: "interrupted",
      ]
      text += ",\"text_state\":\"\(states[annotation.textState] ?? "other")\""
    }
    if !annotation.words.isEmpty {
      let words = annotation.words.map { word in
        "{\"text\":\(PoseLine.quoted(word.text)),\"start_ns\":\(word.startNs),\"end_ns\":\(word.endNs),\"confidence\":\(number(Double(word.confidence)))}"
      }
      text += ",\"words\":[" + words.joined(separator: ",") + "]"
    }
    return text + "}"
  }
}
