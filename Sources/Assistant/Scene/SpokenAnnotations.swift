import CLinux
import Diagnostics
import Perception
import Sensing
import Spatial
import Diagnostics

/// Makes and publishes annotations of speech: transcripts, commands and answers.
struct SpokenAnnotations: Sendable {
  let ids: AnnotationIDs
  let publish: @Sendable ([Annotation]) -> Void

  /// CLOCK_MONOTONIC.
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

  /// Publishes the effect of a command.
  ///
  /// - Parameter timeToLive: seconds.
  func publishIntent(
    _ text: String, confidence: Double, anchor: Annotation.Anchor?, captured: Timestamp,
    timeToLive: Double = 6
  ) {
    var annotation = make(ids.take(), .intent, text, confidence: confidence, captured: captured)
    annotation.anchor = anchor
    annotation.textState = .final
    annotation.timeToLive = timeToLive
    publish([annotation])
  }

  /// Publishes the end of an annotation.
  func end(_ id: UInt64, _ kind: Annotation.Kind, _ label: String = "", captured: Timestamp) {
    var annotation = make(id, kind, label, captured: captured)
    annotation.isEnded = true
    publish([annotation])
  }
}
