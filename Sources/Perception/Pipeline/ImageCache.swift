import Cameras
import Imaging
import Spatial
import Synchronization

/// The decoded latest frame of each camera, so that each frame is decoded once for all stages.
final class ImageCache: Sendable {
  private struct Entry {
    var captured: Timestamp
    var image: RGBImage
  }
  private let entries = Mutex<[String: Entry]>([:])

  func image(of frame: CameraFrame) throws(PictureError) -> RGBImage {
    if let entry = entries.withLock({ $0[frame.camera] }), entry.captured == frame.captured {
      return entry.image
    }
    let image = try frame.image()
    entries.withLock { $0[frame.camera] = Entry(captured: frame.captured, image: image) }
    return image
  }
}
