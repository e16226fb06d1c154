import Cameras
import Imaging
import Spatial
import Synchronization

/// The decoded latest frame of each camera, so that stages that need the same resolution, or a lower one than another
/// stage, share one decoding.
final class ImageCache: Sendable {
  private struct Entry {
    var captured: Timestamp
    var image: ReducedImage
  }
  private let entries = Mutex(CameraTable<Entry>())

  /// - Parameters:
  ///   - resolution: what the stage needs.
  ///   - source: decodes the frame.
  func image(
    of frame: CameraFrame, _ resolution: PictureResolution, from source: any FrameSource
  ) async throws(PictureError) -> ReducedImage {
    if let entry = entries.withLock({ $0[frame.camera] }), entry.captured == frame.captured,
      entry.image.satisfies(resolution)
    {
      return entry.image
    }
    let image = try await source.image(of: frame, resolution)
    entries.withLock { $0[frame.camera] = Entry(captured: frame.captured, image: image) }
    return image
  }
}
