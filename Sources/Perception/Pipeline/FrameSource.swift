import Cameras
import Imaging
import Spatial

/// A source of camera frames.
public protocol FrameSource: Sendable {
  /// Frames from now on; the latest frame of each camera waits, older ones are dropped and counted.
  func subscribe() -> FrameFeed

  func unsubscribe(_ feed: FrameFeed)

  /// The camera model for an image size in pixels; nil for an uncalibrated camera.
  func model(of camera: String, width: Int, height: Int) -> CameraModel?

  /// The frame as RGB at the lowest resolution that is enough.
  func image(
    of frame: CameraFrame, _ resolution: PictureResolution
  ) async throws(PictureError) -> ReducedImage
}

extension CameraService: FrameSource {}
