import Cameras
import Imaging
import Sensing
import Spatial
import Testing

@testable import Perception

struct ImageCacheTests {
  /// Decodes in this process.
  private struct Source: FrameSource {
    func subscribe() -> FrameFeed { FrameFeed() }
    func unsubscribe(_ feed: FrameFeed) { feed.close() }
    func model(of camera: String, width: Int, height: Int) -> CameraModel? { nil }
    func image(
      of frame: CameraFrame, _ resolution: PictureResolution
    ) async throws(PictureError) -> ReducedImage {
      try frame.image(resolution)
    }
  }

  private func frame(_ captured: Int64, _ jpeg: [UInt8]) -> CameraFrame {
    CameraFrame(
      camera: "c", pixels: PixelData(jpeg: jpeg), captured: Timestamp(nanoseconds: captured),
      received: Timestamp(nanoseconds: captured))
  }

  /// A stage that needs less takes the picture of one that needs more; one that needs more gets another.
  @Test func aPictureServesAllWhoNeedNoMore() async throws {
    let cache = ImageCache()
    let jpeg = try JPEG.encode(try #require(RGBImage(width: 256, height: 128, fill: (9, 9, 9))))
    func width(_ captured: Int64, _ scale: Double) async throws -> Int {
      let image = try await cache.image(
        of: frame(captured, jpeg), PictureResolution(scale: scale, side: 0), from: Source())
      // Coordinates are the frame's at every resolution.
      #expect(image.width == 256 && image.height == 128)
      return image.image.width
    }
    #expect(try await width(1, 0.25) == 64)
    #expect(try await width(1, 0.125) == 64)
    #expect(try await width(1, 0.5) == 128)
    #expect(try await width(1, 0.25) == 128)
    #expect(try await width(2, 0.25) == 64)
    #expect(try await width(2, 1) == 256)
  }

  /// What is computed from a picture of a lower resolution refers to the frame as it was sent.
  @Test func annotationsHaveTheCoordinatesOfTheFrame() throws {
    let jpeg = try JPEG.encode(try #require(RGBImage(width: 640, height: 480, fill: (9, 9, 9))))
    let model = CameraModel(width: 640, height: 480, focalX: 500, focalY: 500, centerX: 319.5, centerY: 239.5)
    func perceived(_ resolution: PictureResolution) throws -> PerceptionFrame {
      PerceptionFrame(
        image: try frame(1, jpeg).image(resolution), camera: "c", captured: Timestamp(nanoseconds: 1),
        worldFromHead: nil, model: model)
    }
    let (full, reduced) = (
      try perceived(.full), try perceived(PictureResolution(scale: 0.25, side: 0))
    )
    #expect(full.image.image.width == 640 && reduced.image.image.width == 160)
    let box = PixelBox(left: 100, top: 50, right: 300, bottom: 250)
    #expect(full.region(box) == reduced.region(box) && reduced.region(box).width == 640)
    #expect(full.anchor(x: 600, y: 20) == reduced.anchor(x: 600, y: 20))
  }
}
