import Imaging
import TestSupport
import Testing

/// Pictures that are small as files and large in work.
struct PictureBombTests {
  @Test func aJPEGOfThousandsOfScansIsRejectedAtOnce() throws {
    // As made by the attack: 1.1 MB with 20,000 scans.
    let bomb = ProgressivePicture.grey(1024, scans: 20_000, payload: 40)
    #expect(bomb.count > 1_000_000)
    let clock = ContinuousClock()
    let time = clock.measure {
      #expect { try JPEG.decode(bomb) } throws: { "\($0)".contains("more scans") }
      #expect { try JPEG.decodeGrey(bomb) } throws: { "\($0)".contains("more scans") }
    }
    #expect(time < .seconds(1))
    // Within the scans of an encoder, but each of a picture of 64 megapixels.
    #expect { try JPEG.decodeGrey(ProgressivePicture.grey(8_000, scans: 60)) } throws: {
      "\($0)".contains("more scans")
    }
  }

  @Test func theScansOfAnEncoderAreDecoded() throws {
    for scans in [1, 2, 10, 14] {
      let image = try JPEG.decode(ProgressivePicture.grey(64, scans: scans))
      #expect(image.width == 64 && image.height == 64)
    }
    // A baseline picture has one scan, whatever follows it.
    let grey = [UInt8](repeating: 77, count: 64 * 64)
    let layout = try PixelLayout(.grey, width: 64, height: 64)
    let plain = try grey.withUnsafeBytes { try JPEG.encode(grey: $0, layout) }
    let tail = [UInt8]([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0])
    #expect(try JPEG.decodeGrey(plain + (0..<200).flatMap { _ in tail }).width == 64)
  }
}
