import Sensing
import Spatial
import Testing

@testable import Cameras

struct CamerasTests {
  private func frame(_ format: PixelFormat, _ width: Int, _ height: Int, _ bytes: [UInt8], stride: Int)
    -> CameraFrame
  {
    CameraFrame(
      camera: "c", format: format, width: width, height: height, stride: stride, bytes: bytes,
      captured: Timestamp(nanoseconds: 1), received: Timestamp(nanoseconds: 2))
  }

  /// Left half dark, right half bright, with a gap behind each row that must not be seen.
  private func split(_ format: PixelFormat) -> CameraFrame {
    let (width, height) = (64, 16)
    let pixel = format == .yuyv ? 2 : 1
    let stride = width * pixel + 12
    var bytes = [UInt8](repeating: 255, count: stride * height)
    for row in 0..<height {
      for column in 0..<width {
        bytes[row * stride + column * pixel] = column < 32 ? 40 : 200
        if format == .yuyv { bytes[row * stride + column * 2 + 1] = 128 }
      }
    }
    return frame(format, width, height, bytes, stride: stride)
  }

  @Test(arguments: [PixelFormat.yuyv, .grey])
  func uncompressedFramesBecomeJPEGAndComeBack(_ format: PixelFormat) throws {
    let jpeg = try JPEG.encode(split(format))
    let (pixels, width, height) = try JPEG.decodeRGB(jpeg)
    #expect(width == 64 && height == 16)
    // JPEG's YUV is full range in grey and in colour alike.
    for (column, value) in [(4, 40), (60, 200)] {
      for channel in 0..<3 {
        #expect(abs(Int(pixels[(8 * width + column) * 3 + channel]) - value) <= 4)
      }
    }
  }

  @Test(arguments: PixelFormat.allCases)
  func sideBySideIsCutInTheMiddle(_ format: PixelFormat) throws {
    var source = split(format == .mjpeg ? .grey : format)
    if format == .mjpeg {
      source = frame(.mjpeg, 64, 16, try JPEG.encode(source), stride: 0)
    }
    let (left, right) = try source.halves()
    #expect(left.width == 32 && right.width == 32 && left.camera == "c-left" && right.camera == "c-right")
    let pixel = format == .yuyv ? 2 : 1
    #expect(abs(Int(left.bytes[8 * left.stride + 4 * pixel]) - 40) <= 4)
    #expect(abs(Int(right.bytes[8 * right.stride + 28 * pixel]) - 200) <= 4)
  }

  @Test func whatIsNoPictureIsRefused() throws {
    for format in [PixelFormat.grey, .yuyv] {
      var short = split(format)
      short.bytes.removeLast(20)
      #expect(throws: JPEGFault.self) { try short.halves() }
      short.stride = 3
      #expect(throws: JPEGFault.self) { try short.halves() }
    }
    #expect(throws: JPEGFault.self) { try JPEG.decodeRGB([1, 2, 3]) }
    #expect(throws: JPEGFault.self) { try JPEG.decodeRGB([]) }
    // A frame that is shorter than its size says.
    #expect(throws: JPEGFault.self) { try JPEG.encode(frame(.grey, 64, 64, [1, 2, 3], stride: 64)) }
    #expect(throws: JPEGFault.self) {
      try JPEG.encode(frame(.yuyv, 63, 4, [UInt8](repeating: 0, count: 1000), stride: 126))
    }
    // A header that announces four gigapixels.
    var bomb = try JPEG.encode(split(.grey))
    let start = try #require(bomb.indices.dropLast().first { bomb[$0] == 0xff && bomb[$0 + 1] == 0xc0 })
    bomb.replaceSubrange((start + 5)..<(start + 9), with: [0xff, 0xff, 0xff, 0xff])
    #expect(throws: JPEGFault.self) { try JPEG.decodeRGB(bomb) }
    // Every cut of a good one ends in an answer.
    let good = try JPEG.encode(split(.yuyv))
    for count in 0..<good.count { _ = try? JPEG.decodeRGB(Array(good.prefix(count))) }
  }

  @Test func theNewestFrameWaitsAndTheRestIsCounted() {
    let feed = LatestOnly<Int>()
    #expect(feed.take(within: 0.01) == nil)
    for value in 1...5 { feed.put(value) }
    #expect(feed.take() == 5 && feed.dropped == 4)
    feed.close()
    #expect(feed.take() == nil)
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
  func aCameraIsInTheHeadsetWhoseHubItShares(_ bus: String, _ place: String, _ belongs: Bool) {
    let camera = AttachedCamera(path: "/dev/video0", name: "c", bus: bus, modes: [])
    #expect(camera.belongs(to: place) == belongs)
  }
}
