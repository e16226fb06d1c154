import Imaging
import Sensing
import Spatial

/// An image with its camera model and the head's pose.
public struct PerceptionFrame: Sendable {
  /// Possibly at a lower resolution; its coordinates, like those of annotations, are the frame's.
  public var image: ReducedImage
  public var camera: String
  public var captured: Timestamp
  /// The head's pose at `captured`; nil when no head is tracked.
  public var worldFromHead: Pose?
  /// Scaled to the size of the image.
  public var model: CameraModel

  public init(
    image: ReducedImage, camera: String, captured: Timestamp, worldFromHead: Pose?, model: CameraModel
  ) {
    self.image = image
    self.camera = camera
    self.captured = captured
    self.worldFromHead = worldFromHead
    self.model = model.scaled(width: image.width, height: image.height)
  }

  /// World when the head is tracked, otherwise head.
  var space: Annotation.Anchor.Space { worldFromHead == nil ? .head : .world }
  var spaceFromCamera: Pose { (worldFromHead ?? .identity) * model.headFromCamera }

  func region(_ box: PixelBox) -> Annotation.Region {
    Annotation.Region(
      camera: camera, width: image.width, height: image.height, x: box.centerX,
      y: box.centerY, sizeX: box.width, sizeY: box.height)
  }

  /// The anchor of the scene point at a pixel.
  ///
  /// - Parameters:
  ///   - distance: metres from the camera; nil when unknown.
  ///   - size: metres across; nil when unknown.
  func anchor(x: Double, y: Double, distance: Double? = nil, size: Double? = nil) -> Annotation.Anchor {
    let pose = spaceFromCamera
    return Annotation.Anchor(
      space: space, origin: pose.position, direction: pose.orientation.rotate(model.ray(x: x, y: y)),
      distance: distance, size: size)
  }
}
