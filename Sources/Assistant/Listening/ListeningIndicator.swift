import Perception
import Sensing
import Spatial

/// Publishes an annotation for each microphone that is open, so that renderers can show that the bridge listens.
struct ListeningIndicator {
  private let annotations: SpokenAnnotations
  /// Annotation ids by microphone.
  private var ids: [String: UInt64] = [:]

  /// Seconds after which an annotation expires unless it is published again.
  private static let timeToLive = 3.0

  init(annotations: SpokenAnnotations) { self.annotations = annotations }

  mutating func opened(_ microphone: String, isListening: Bool) {
    ids[microphone] = ids[microphone] ?? annotations.ids.take()
    publish(isListening: isListening)
  }

  mutating func closed(_ microphone: String) {
    guard let id = ids.removeValue(forKey: microphone) else { return }
    annotations.end(id, .listening, microphone, captured: annotations.now)
  }

  mutating func closeAll() {
    for microphone in ids.keys { closed(microphone) }
  }

  /// Publishes the present state of all open microphones.
  ///
  /// - Parameter isListening: false while the push-to-talk button is not held.
  func publish(isListening: Bool) {
    for (microphone, id) in ids {
      var annotation = annotations.make(id, .listening, microphone, captured: annotations.now)
      annotation.timeToLive = Self.timeToLive
      annotation.isEnded = !isListening
      annotation.anchor = Annotation.Anchor(
        space: .screen, origin: .zero, direction: Vector3(0, 0, -1), distance: nil)
      annotations.publish([annotation])
    }
  }
}
