import Sensing
import Spatial

/// Where text goes that is said or answered. Renderers turn it to the viewer.
struct TextPlacement: Sendable {
  let settings: AnnotationSettings.TextPlace
  let scene: SceneMemory
  /// Pose of the head at a time.
  let head: @Sendable (Timestamp) -> Pose?

  /// - Parameter time: at which somebody began to speak.
  func anchor(at time: Timestamp) -> Annotation.Anchor {
    let ahead = Vector3(0, 0, -1)
    guard settings.place != .screen else {
      return Annotation.Anchor(space: .screen, origin: .zero, direction: ahead, distance: nil)
    }
    guard settings.place != .head, let head = head(time) else {
      return Annotation.Anchor(space: .head, origin: .zero, direction: ahead, distance: settings.distance)
    }
    if settings.place == .gaze, let thing = scene.gazed(from: head, at: time)?.anchor { return thing }
    return Annotation.Anchor(
      space: .world, origin: head.position, direction: head.orientation.rotate(ahead),
      distance: settings.distance)
  }
}
