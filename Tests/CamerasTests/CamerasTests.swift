import Imaging
import Sensing
import Spatial
import Testing

@testable import Cameras

struct CamerasTests {
  private func frame(_ format: PixelFormat, _ width: Int, _ height: Int, _ bytes: [UInt8], stride: Int)
    -> CameraFrame
  {
    CameraFrame(
      camera: "c",
      pixels: PixelData(format: format, width: width, height: height, stride: stride, bytes: bytes),
      captured: Timestamp(nanoseconds: 1), received: Timestamp(nanoseconds: 2))
  }

  /// Left half dark, right half bright, with padding after each row.
  private func split(_ format: PixelFormat) -> CameraFrame {
    let (width, height) = (64, 16)
    let pixel = format.uncompressed?.bytesPerPixel ?? 0
    let stride = width * pixel + 12
    let rows = format == .nv12 ? height * 3 / 2 : height
    // Grey, where bytes are chroma.
    var bytes = [UInt8](repeating: format == .nv12 ? 128 : 255, count: stride * rows)
    for row in 0..<height {
      for column in 0..<width {
        for byte in 0..<(format == .rgb ? 3 : 1) {
          bytes[row * stride + column * pixel + byte] = column < 32 ? 40 : 200
        }
        if format == .yuyv { bytes[row * stride + column * 2 + 1] = 128 }
      }
    }
    return frame(format, width, height, bytes, stride: stride)
  }

  private func bytes(of frame: CameraFrame) throws -> [UInt8] {
    guard case .bytes(let bytes) = frame.storage else { throw PictureError(description: "shared") }
    return bytes
  }

  @Test(arguments: [PixelFormat.yuyv, .rgb, .grey])
  func uncompressedFramesRoundTripThroughJPEG(_ format: PixelFormat) throws {
    let jpeg = try split(format).jpeg()
    let image = try JPEG.decode(jpeg)
    #expect(image.width == 64 && image.height == 16)
    // JPEG's YUV is full range in grey and in colour alike.
    for (column, value) in [(4, 40), (60, 200)] {
      let (red, green, blue) = image[column, 8]
      #expect([red, green, blue].allSatisfy { abs(Int($0) - value) <= 4 })
    }
  }

  @Test(arguments: PixelFormat.allCases)
  func stereoFramesAreSplit(_ format: PixelFormat) throws {
    var source = split(format == .mjpeg ? .grey : format)
    if format == .mjpeg {
      source = frame(.mjpeg, 64, 16, try source.jpeg(), stride: 0)
    }
    let (left, right) = try source.halves()
    #expect(left.width == 32 && right.width == 32 && left.camera == "c-left" && right.camera == "c-right")
    let pixel = try #require(left.format.uncompressed?.bytesPerPixel)
    #expect(abs(Int(try bytes(of: left)[8 * left.stride + 4 * pixel]) - 40) <= 4)
    #expect(abs(Int(try bytes(of: right)[8 * right.stride + 28 * pixel]) - 200) <= 4)
  }

  @Test func damagedFramesAreRefused() throws {
    for format in [PixelFormat.grey, .rgb, .yuyv, .nv12] {
      var short = split(format)
      short.storage = .bytes(try bytes(of: short).dropLast(20))
      #expect(throws: PictureError.self) { try short.halves() }
      short.stride = 3
      #expect(throws: PictureError.self) { try short.halves() }
    }
    #expect(throws: PictureError.self) { try JPEG.decode([1, 2, 3]) }
    #expect(throws: PictureError.self) { try JPEG.decode([]) }
    // A frame that is shorter than its size says.
    #expect(throws: PictureError.self) { try frame(.grey, 64, 64, [1, 2, 3], stride: 64).jpeg() }
    #expect(throws: PictureError.self) {
      try frame(.yuyv, 63, 4, [UInt8](repeating: 0, count: 1000), stride: 126).jpeg()
    }
    // A header that announces four gigapixels.
    var bomb = try split(.grey).jpeg()
    let start = try #require(bomb.indices.dropLast().first { bomb[$0] == 0xff && bomb[$0 + 1] == 0xc0 })
    bomb.replaceSubrange((start + 5)..<(start + 9), with: [0xff, 0xff, 0xff, 0xff])
    #expect(throws: PictureError.self) { try JPEG.decode(bomb) }
    // Every cut of a good one ends in an answer.
    let good = try split(.yuyv).jpeg()
    for count in 0..<good.count { _ = try? JPEG.decode(Array(good.prefix(count))) }
  }

  @Test func feedsKeepTheLatestFrameAndCountTheRest() async {
    let feed = FrameFeed()
    var frame = frame(.grey, 1, 1, [0], stride: 1)
    for value in 1...5 {
      frame.sequence = UInt32(value)
      feed.put(frame)
    }
    var other = frame
    other.camera = "d"
    feed.put(other)
    #expect(feed.dropped == 4)
    let first = await feed.next()
    let second = await feed.next()
    #expect(first?.sequence == 5 && first?.camera == "c" && second?.camera == "d")
    async let waiting = feed.next()
    try? await Task.sleep(for: .milliseconds(20))
    feed.put(frame)
    #expect(await waiting?.sequence == 5)
    async let last = feed.next()
    try? await Task.sleep(for: .milliseconds(20))
    feed.close()
    #expect(await last?.camera == nil)
    #expect(await feed.next()?.camera == nil)
  }

  @Test(
    arguments: [
      ("usb-0000:00:14.0-1.3", "usb-0000:00:14.0-1.2", true),
      ("usb-0000:00:14.0-1.3", "usb-0000:00:14.0-1", true),
      ("usb-0000:00:14.0-1.3", "usb-0000:00:14.0-1.3", true),
      ("usb-0000:00:14.0-1.3", "usb-0000:00:14.0-2.2", false),
      ("usb-0000:00:14.0-1", "usb-0000:00:14.0-2", false),
      ("platform:vivid-000", "usb-0000:00:14.0-1", false),
    ])
  func camerasBelongToTheHeadsetOfTheirHub(_ bus: String, _ place: String, _ belongs: Bool) {
    let camera = AttachedCamera(path: "/dev/video0", name: "c", bus: bus, modes: [])
    #expect(camera.belongs(to: place) == belongs)
  }
}
