import Imaging
import Inference
import Sensing
import Spatial
import Synchronization

/// A picture with what is known of how it was taken.
public struct PerceptionFrame: Sendable {
  public var image: RGBImage
  public var camera: String
  public var captured: Timestamp
  /// Where the head was at `captured`; nil when no head is tracked.
  public var worldFromHead: Pose?
  /// For this picture's size.
  public var model: CameraModel

  public init(
    image: RGBImage, camera: String, captured: Timestamp, worldFromHead: Pose?, model: CameraModel
  ) {
    self.image = image
    self.camera = camera
    self.captured = captured
    self.worldFromHead = worldFromHead
    self.model = model.scaled(width: image.width, height: image.height)
  }

  /// Anchors are in the world when the head is tracked, else they move with the head.
  var space: Annotation.Anchor.Space { worldFromHead == nil ? .head : .world }
  var spaceFromCamera: Pose { (worldFromHead ?? .identity) * model.headFromCamera }

  func region(_ box: SIMD4<Double>) -> Annotation.Region {
    Annotation.Region(
      camera: camera, width: image.width, height: image.height, x: (box.x + box.z) / 2,
      y: (box.y + box.w) / 2, sizeX: box.z - box.x, sizeY: box.w - box.y)
  }

  /// The anchor of what is seen at a pixel.
  ///
  /// - Parameter distance: metres from the camera; nil when it is not known.
  func anchor(x: Double, y: Double, distance: Double? = nil, size: Double? = nil) -> Annotation.Anchor {
    let pose = spaceFromCamera
    return Annotation.Anchor(
      space: space, origin: pose.position, direction: pose.orientation.rotate(model.ray(x: x, y: y)),
      distance: distance, size: size)
  }
}

/// Numbers of annotations, one after the other for all stages.
public final class AnnotationNumbers: Sendable {
  private let next = Atomic<UInt64>(1)

  public init() {}

  public func take() -> UInt64 { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}

extension Annotation.Source {
  public init(_ model: ModelHost.Loaded) {
    self.init(model: model.manifest.name, version: model.manifest.version, digest: model.digest)
  }
}

/// One task of perception: frames in, annotations out. Frames of one camera come in the order of their time.
public protocol PerceptionStage: Actor {
  /// - Returns: annotations of what is there and of what has gone; their `published` and stages are the caller's to fill.
  func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation]
}
