import CLinux
import Perception
import Sensing
import Spatial

/// Makes and tells annotations of what was said and answered.
struct SpokenAnnotations: Sendable {
  let numbers: AnnotationNumbers
  let publish: @Sendable ([Annotation]) -> Void

  var now: Timestamp { Timestamp(nanoseconds: linux_monotonic_ns()) }

  func make(
    _ id: UInt64, _ kind: Annotation.Kind, _ label: String, confidence: Double = 1,
    source: Annotation.Source = Annotation.Source(
      model: "vrbridge", version: ProductVersion.text, digest: ""),
    captured: Timestamp
  ) -> Annotation {
    Annotation(
      id: id, kind: kind, label: label, confidence: confidence, source: source, captured: captured,
      published: now)
  }

  /// Something that was done, or what is to be known of it, for as many seconds.
  func tell(
    intent text: String, confidence: Double, anchor: Annotation.Anchor?, captured: Timestamp,
    timeToLive: Double = 6
  ) {
    var annotation = make(numbers.take(), .intent, text, confidence: confidence, captured: captured)
    annotation.anchor = anchor
    annotation.textState = .final
    annotation.timeToLive = timeToLive
    publish([annotation])
  }

  /// Nothing more comes under this number.
  func end(_ id: UInt64, _ kind: Annotation.Kind, _ label: String = "", captured: Timestamp) {
    var annotation = make(id, kind, label, captured: captured)
    annotation.isEnded = true
    publish([annotation])
  }
}
