import Perception
import Sensing
import Spatial
import StrictYAML
import Testing

@testable import Assistant

struct TextPlacementTests {
  private func settings(_ yaml: String) throws -> AnnotationSettings {
    try AnnotationSettings(YAMLDocument(text: yaml, file: "test").root)
  }

  /// Text is anchored at the gazed object, ahead, at the head or on the screen.
  @Test func textIsAnchoredAsConfigured() throws {
    let scene = RecentAnnotations()
    let head = Pose(
      position: Vector3(0, 1.6, 0), orientation: Quaternion(angle: -.pi / 2, axis: Vector3(0, 1, 0)))
    let time = Timestamp(nanoseconds: 1_000_000_000)
    func anchor(_ yaml: String, head: Pose?) throws -> Annotation.Anchor {
      TextPlacement(settings: try settings(yaml).textAnchor, scene: scene, head: { _ in head }).anchor(
        at: time)
    }
    let ahead = try anchor("{}", head: head)
    #expect(ahead.space == .world && ahead.distance == 1.5 && ahead.origin == head.position)
    #expect((ahead.direction - Vector3(1, 0, 0)).length < 1e-12)
    #expect(try anchor("{}", head: nil).space == .head)

    var cup = Annotation(
      id: 1, kind: .object, label: "cup", confidence: 0.9,
      source: Annotation.Source(model: "m", version: "1", digest: ""), captured: time, published: time)
    cup.timeToLive = 1
    cup.anchor = Annotation.Anchor(
      space: .world, origin: head.position, direction: Vector3(1, 0, 0), distance: 2)
    _ = scene.note([cup])
    #expect(try anchor("{ place: { at: gaze } }", head: head) == cup.anchor)
    #expect(try anchor("{ place: { at: ahead, distance_m: 3 } }", head: head).distance == 3)
    let before = try anchor("{ place: { at: head, distance_m: 0.8 } }", head: head)
    #expect(before.space == .head && before.distance == 0.8 && before.direction == Vector3(0, 0, -1))
    #expect(try anchor("{ place: { at: screen } }", head: head).space == .screen)
    for wrong in ["{ at: nowhere }", "{ distance_m: 0 }"] {
      #expect(throws: DocumentError.self) { try settings("{ place: \(wrong) }") }
    }
  }
}
