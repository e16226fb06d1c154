import Foundation
public import Sensing
import Spatial
import SwiftProtobuf

extension AnnotationRecord {
  private static func message(_ color: AnnotationColor) -> Foxglove_Color {
    .with {
      ($0.r, $0.g, $0.b, $0.a) = (color.red, color.green, color.blue, 1)
    }
  }

  /// The model and the object that an annotation is of, and its state.
  private static func metadata(_ annotation: Annotation) -> [Foxglove_KeyValuePair] {
    var pairs = [
      ("id", String(annotation.id)), ("kind", annotation.kind.name), ("label", annotation.label),
      ("confidence", String(annotation.confidence)), ("model", annotation.source.model),
      ("version", annotation.source.version), ("digest", annotation.source.digest),
    ]
    if let isRight = annotation.isRightHand { pairs.append(("hand", isRight ? "right" : "left")) }
    if let strength = annotation.strength { pairs.append(("strength", String(strength))) }
    if annotation.isEnded { pairs.append(("ended", "true")) }
    if let state = annotation.textState { pairs.append(("text_state", String(describing: state))) }
    return pairs.map { pair in
      .with {
        $0.key = pair.0
        $0.value = pair.1
      }
    }
  }

  /// Pairs of hand landmarks connected by bones.
  private static let bones = [
    (0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (5, 9), (9, 10), (10, 11), (11, 12),
    (9, 13), (13, 14), (14, 15), (15, 16), (13, 17), (17, 18), (18, 19), (19, 20), (0, 17),
  ]

  /// Returns the records of annotations, in their order: for each an overlay of its image, an entity of the scene, or both.
  ///
  /// - Parameter color: the colour of a kind.
  public static func all(
    of annotations: [Annotation], color: (Annotation.Kind) -> AnnotationColor
  ) -> [AnnotationRecord] {
    var result: [AnnotationRecord] = []
    for annotation in annotations {
      let time = annotation.captured.protobuf
      let pairs = metadata(annotation)
      let color = message(color(annotation.kind))
      if let region = annotation.region {
        result.append(
          AnnotationRecord(
            .image(
              .with {
                $0.timestamp = time
                $0.metadata = pairs
                if !annotation.isEnded { draw(annotation, region, color, time, pairs, into: &$0) }
              }, camera: region.camera), time: annotation.captured))
      }
      if let anchor = annotation.anchor {
        let update = scene(annotation, anchor, color, pairs)
        result.append(
          annotation.kind.scope == .microphone
            ? AnnotationRecord(.speech(update), time: annotation.published)
            : AnnotationRecord(.scene(update), time: annotation.captured))
      }
    }
    return result
  }

  private static func draw(
    _ annotation: Annotation, _ region: Annotation.Region, _ color: Foxglove_Color,
    _ time: Google_Protobuf_Timestamp, _ pairs: [Foxglove_KeyValuePair],
    into message: inout Foxglove_ImageAnnotations
  ) {
    func point(_ x: Double, _ y: Double) -> Foxglove_Point2 {
      .with { ($0.x, $0.y) = (x, y) }
    }
    var shape = Foxglove_PointsAnnotation()
    shape.timestamp = time
    shape.outlineColor = color
    shape.thickness = 2
    shape.metadata = pairs
    if region.points.count == 21 {
      shape.type = .lineList
      shape.points = bones.flatMap { from, to in
        [
          point(region.points[from].x, region.points[from].y),
          point(region.points[to].x, region.points[to].y),
        ]
      }
    } else {
      shape.type = .lineLoop
      let (c, s) = (cos(region.rotation), sin(region.rotation))
      shape.points = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map { u, v in
        let (x, y) = (u * region.sizeX, v * region.sizeY)
        return point(region.x + c * x - s * y, region.y + s * x + c * y)
      }
    }
    message.points = [shape]
    message.texts = [
      .with {
        $0.timestamp = time
        $0.position = point(region.x - region.sizeX / 2, region.y - region.sizeY / 2 - 4)
        $0.text = annotation.label
        $0.fontSize = 14
        $0.textColor = color
        $0.metadata = pairs
      }
    ]
  }

  private static func scene(
    _ annotation: Annotation, _ anchor: Annotation.Anchor, _ color: Foxglove_Color,
    _ pairs: [Foxglove_KeyValuePair]
  ) -> Foxglove_SceneUpdate {
    let time = annotation.captured.protobuf
    let id = "annotation-\(annotation.id)"
    if annotation.isEnded {
      return .with {
        $0.deletions = [
          .with {
            $0.timestamp = time
            $0.type = .matchingID
            $0.id = id
          }
        ]
      }
    }
    // An anchor without a distance is shown 1.5 m along its ray.
    let position = anchor.position ?? anchor.origin + anchor.direction * 1.5
    var entity = Foxglove_SceneEntity()
    entity.timestamp = time
    entity.frameID = anchor.space == .world ? "world" : "head"
    entity.id = id
    entity.lifetime = Google_Protobuf_Duration(
      seconds: Int64(annotation.timeToLive),
      nanos: Int32((annotation.timeToLive - annotation.timeToLive.rounded(.down)) * 1e9))
    entity.metadata = pairs
    entity.texts = [
      .with {
        $0.pose = pose(position)
        $0.billboard = true
        $0.fontSize = 0.04
        $0.color = color
        $0.text = annotation.label
      }
    ]
    entity.spheres = annotation.joints.map { joint in
      .with {
        $0.pose = pose(joint.pose.position)
        $0.size = .with { ($0.x, $0.y, $0.z) = (joint.radius * 2, joint.radius * 2, joint.radius * 2) }
        $0.color = color
      }
    }
    return .with { $0.entities = [entity] }
  }

  private static func pose(_ position: Vector3) -> Foxglove_Pose {
    .with {
      $0.position = .with { ($0.x, $0.y, $0.z) = (position.x, position.y, position.z) }
      $0.orientation = .with { $0.w = 1 }
    }
  }
}
