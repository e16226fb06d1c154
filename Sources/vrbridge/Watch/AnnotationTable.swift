import BridgeProtocol
import CommandSupport
import Diagnostics
import Foundation
import Sensing
import Spatial

/// The lower part of the table of `vrbridge watch`: annotations, transcripts and answers.
enum AnnotationTable {
  static func lines(_ annotations: [Vrbridge_V1_Annotation], now: Int64, limit: Int = 16) -> [String] {
    let heard = annotations.filter { $0.kind.annotationKind?.scope == .microphone }
    let seen = annotations.filter { $0.kind.annotationKind?.scope != .microphone }
    let gap = seen.isEmpty || heard.isEmpty ? [] : [""]
    return table(of: seen, now: now, limit: limit) + gap + texts(heard)
  }

  /// Returns transcripts and answers, one line each; the newest last.
  private static func texts(_ annotations: [Vrbridge_V1_Annotation]) -> [String] {
    guard !annotations.isEmpty else { return [] }
    let sorted = annotations.sorted {
      ($0.kind == .listening ? 0 : 1, $0.id) < ($1.kind == .listening ? 0 : 1, $1.id)
    }
    return [Terminal.styled("SPEECH", .dim)]
      + sorted.suffix(8).map { annotation in
        let mark =
          switch annotation.textState {
          case .partial: " …"
          case .interrupted: " (interrupted)"
          default: ""
          }
        let text = printable(annotation.label)
        return Terminal.styled(Terminal.pad(kind(annotation.kind), 10), .cyan) + " " + text.suffix(110) + mark
      }
  }

  private static func table(of annotations: [Vrbridge_V1_Annotation], now: Int64, limit: Int) -> [String] {
    guard !annotations.isEmpty else { return [] }
    var lines = [
      Terminal.styled(
        "KIND       LABEL                   CONF.  DIRECTION                     AGE ms   MODEL", .dim)
    ]
    let sorted = annotations.sorted { ($0.kind.rawValue, $0.id) < ($1.kind.rawValue, $1.id) }
    for annotation in sorted.prefix(limit) {
      lines.append(
        [
          Terminal.styled(Terminal.pad(kind(annotation.kind), 10), .cyan), Terminal.pad(annotation.label, 22),
          Terminal.padLeft("\(Int((annotation.confidence * 100).rounded()))%", 5), " ",
          Terminal.pad(direction(annotation), 27),
          Terminal.padLeft(String(format: "%.0f", Double(now - annotation.capturedNs) * 1e-6), 7), " ",
          Terminal.field("\(annotation.model) \(annotation.modelVersion)"),
        ].joined(separator: " "))
    }
    if sorted.count > limit { lines.append("… \(sorted.count - limit) more") }
    return lines
  }

  /// Returns the latency in milliseconds, by stage, of the newest annotation of each kind.
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

  static func kind(_ kind: Vrbridge_V1_AnnotationKind) -> String {
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

  /// Returns degrees to the right and up from straight ahead, and the distance if known.
  private static func direction(_ annotation: Vrbridge_V1_Annotation) -> String {
    guard annotation.hasAnchor else { return "–" }
    let d = annotation.anchor.direction
    let degree = 180 / Double.pi
    var text = String(
      format: "%+4.0f° across %+3.0f° up", atan2(d.x, -d.z) * degree, asin(min(max(d.y, -1), 1)) * degree)
    if annotation.anchor.distance > 0 { text += String(format: " %.2f m", annotation.anchor.distance) }
    return text
  }
}
