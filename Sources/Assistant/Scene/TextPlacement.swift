import Perception
import Sensing
import Spatial

/// Determines the anchors of transcripts and answers. Renderers orient the text towards the viewer.
struct TextPlacement: Sendable {
  let settings: AnnotationSettings.TextAnchor
  let scene: RecentAnnotations
  /// Returns the pose of the head at a time, world frame; nil while it is not tracked.
  let head: @Sendable (Timestamp) -> Pose?

  /// - Parameter time: when the speaker began.
  func anchor(at time: Timestamp) -> Annotation.Anchor {
    let ahead = Vector3(0, 0, -1)
    guard settings.mode != .screen else {
      return Annotation.Anchor(space: .screen, origin: .zero, direction: ahead, distance: nil)
    }
    guard settings.mode != .head, let head = head(time) else {
      return Annotation.Anchor(space: .head, origin: .zero, direction: ahead, distance: settings.distance)
    }
    if settings.mode == .gaze, let gazed = scene.gazed(from: head, at: time)?.anchor { return gazed }
    return Annotation.Anchor(
      space: .world, origin: head.position, direction: head.orientation.rotate(ahead),
      distance: settings.distance)
  }
}
