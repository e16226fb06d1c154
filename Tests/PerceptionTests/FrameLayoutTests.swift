import CLinux
import Cameras
import Foundation
import Glibc
import Imaging
import Inference
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Perception

/// The same picture as JPEG, uncompressed, in shared memory and at a lower resolution gives the same hand.
@Suite(.enabled(if: Models.areHere && TestPaths.corpus != nil, "needs the corpus and the fetched models"))
struct FrameLayoutTests {
  private func photograph() throws -> RGBImage {
    let folder = try #require(TestPaths.corpus)
    let file = "\(folder)/vision/images/pinto_hand.png"
    return try Picture.decode(Array(try Data(contentsOf: URL(fileURLWithPath: file))))
  }

  private func luma(_ pixel: (red: UInt8, green: UInt8, blue: UInt8)) -> Double {
    0.299 * Double(pixel.red) + 0.587 * Double(pixel.green) + 0.114 * Double(pixel.blue)
  }

  /// The picture's pixels in a layout, with a gap behind each row.
  private func pixels(_ image: RGBImage, _ layout: PixelLayout) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: layout.size)
    for y in 0..<layout.height {
      for x in 0..<layout.width {
        let (pixel, row) = (image[x, y], y * layout.stride)
        let video = UInt8((16 + luma(pixel) * 219 / 255).rounded())
        // One sample of colour for two columns and two rows.
        let even = image[x / 2 * 2, layout.format == .nv12 ? y / 2 * 2 : y]
        let u = UInt8((128 + (Double(even.blue) - luma(even)) / 1.772 * 224 / 255).rounded())
        let v = UInt8((128 + (Double(even.red) - luma(even)) / 1.402 * 224 / 255).rounded())
        switch layout.format {
        case .rgb:
          bytes.replaceSubrange(
            (row + 3 * x)..<(row + 3 * x + 3), with: [pixel.red, pixel.green, pixel.blue])
        case .grey: bytes[row + x] = UInt8(luma(pixel).rounded())
        case .yuyv:
          bytes[row + 2 * x] = video
          bytes[row + 2 * x + 1] = x % 2 == 0 ? u : v
        case .nv12:
          bytes[row + x] = video
          if y % 2 == 0 { bytes[(layout.height + y / 2) * layout.stride + x] = x % 2 == 0 ? u : v }
        }
      }
    }
    return bytes
  }

  /// The same bytes in memory that a client shares.
  private func shared(_ layout: PixelLayout, _ bytes: [UInt8]) throws -> PixelData {
    var address: UnsafeMutableRawPointer?
    let descriptor = linux_sealed_memory("test", layout.size, &address)
    try #require(descriptor >= 0)
    let memory = try #require(address)
    memcpy(memory, bytes, bytes.count)
    munmap(memory, layout.size)
    defer { close(descriptor) }
    let ring = try SharedFrameRing(descriptor: descriptor, layout, slots: 1, share: 0)
    return PixelData(layout, .shared(try ring.slot(0)))
  }

  private func hand(_ pixels: PixelData) async throws -> HandLandmarks {
    let time = Timestamp(nanoseconds: 1)
    let frame = CameraFrame(camera: "c", pixels: pixels, captured: time, received: time)
    let tracker = HandTracker(host: TestHost.make())
    let (hands, _) = try await tracker.track(try frame.image(await tracker.resolution()))
    return try #require(hands.first).landmarks
  }

  private func distance(_ a: HandLandmarks, _ b: HandLandmarks) -> Double {
    zip(a.points, b.points).map { (Vector3($0.x, $0.y, 0) - Vector3($1.x, $1.y, 0)).length }
      .reduce(0, +) / Double(HandLandmarks.count)
  }

  @Test func everyWayOfSendingGivesTheSameHand() async throws {
    let image = try photograph()
    let expected = try await hand(PixelData(jpeg: try PNG.encode(image)))
    #expect(distance(expected, try await hand(PixelData(jpeg: try JPEG.encode(image)))) < 1)
    for (format, tolerance) in [
      (.rgb, 0), (.nv12, 1), (.yuyv, 1), (.grey, 4),
    ] as [(PixelLayout.Format, Double)] {
      let layout = try PixelLayout(
        format, width: image.width, height: image.height, stride: image.width * format.bytesPerPixel + 32)
      let bytes = pixels(image, layout)
      let found = try await hand(PixelData(layout, .bytes(bytes)))
      #expect(distance(expected, found) <= tolerance, "\(format)")
      #expect(found.isRight == expected.isRight)
      #expect(distance(found, try await hand(try shared(layout, bytes))) == 0, "\(format)")
    }
  }

  /// A tracked hand that is larger than the model's input is found at a lower resolution, at the same place.
  @Test func aTrackedHandNeedsNoFullResolution() async throws {
    let photograph = try photograph()
    let image = try #require(photograph.resized(width: photograph.width * 3, height: photograph.height * 3))
    let time = Timestamp(nanoseconds: 1)
    let frame = CameraFrame(
      camera: "c", pixels: PixelData(jpeg: try JPEG.encode(image)), captured: time, received: time)
    let (full, reduced) = (HandTracker(host: TestHost.make()), HandTracker(host: TestHost.make()))
    // While a hand is searched, nothing is left out.
    #expect(await reduced.resolution() == .full)
    let first = try frame.image(await reduced.resolution())
    #expect(first.image.width == image.width)
    _ = try await full.track(first)
    _ = try await reduced.track(first)
    let small = try frame.image(await reduced.resolution())
    #expect(small.image.width < image.width && small.width == image.width)
    let expected = try #require(try await full.track(first).hands.first).landmarks
    let found = try #require(try await reduced.track(small).hands.first).landmarks
    // Of a hand that is some 900 pixels long.
    #expect(distance(expected, found) < 6)
    #expect(found.isRight == expected.isRight)
  }
}
