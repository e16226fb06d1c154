import Imaging
import Testing

/// Pictures that are small as files and large in work.
struct PictureBombTests {
  /// A progressive JPEG in grey: a first scan, and more with one table and no data.
  ///
  /// - Parameter payload: bytes of a comment before each scan.
  private func progressive(_ size: Int, scans: Int, payload: Int = 0) -> [UInt8] {
    func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
    var bytes: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDB] + word(67) + [0] + [UInt8](repeating: 1, count: 64)
    bytes += [0xFF, 0xC2] + word(11) + [8] + word(size) + word(size) + [1, 1, 0x11, 0]
    // One code of one bit: no difference of DC, the end of a block of AC.
    for table: UInt8 in [0x00, 0x10] {
      bytes += [0xFF, 0xC4] + word(20) + [table, 1] + [UInt8](repeating: 0, count: 15) + [0]
    }
    bytes += [0xFF, 0xDA] + word(8) + [1, 1, 0x00, 0, 0, 0]
    for _ in 1..<max(1, scans) {
      if payload > 0 { bytes += [0xFF, 0xFE] + word(payload + 2) + [UInt8](repeating: 0x20, count: payload) }
      bytes += [0xFF, 0xDA] + word(8) + [1, 1, 0x00, 1, 63, 0]
    }
    return bytes + [0xFF, 0xD9]
  }

  @Test func aJPEGOfThousandsOfScansIsRejectedAtOnce() throws {
    // As made by the attack: 1.1 MB with 20,000 scans.
    let bomb = progressive(1024, scans: 20_000, payload: 40)
    #expect(bomb.count > 1_000_000)
    let clock = ContinuousClock()
    let time = clock.measure {
      #expect { try JPEG.decode(bomb) } throws: { "\($0)".contains("more scans") }
      #expect { try JPEG.decodeGrey(bomb) } throws: { "\($0)".contains("more scans") }
    }
    #expect(time < .seconds(1))
    // Within the scans of an encoder, but each of a picture of 64 megapixels.
    #expect { try JPEG.decodeGrey(progressive(8_000, scans: 60)) } throws: { "\($0)".contains("more scans") }
  }

  @Test func theScansOfAnEncoderAreDecoded() throws {
    for scans in [1, 2, 10, 14] {
      let image = try JPEG.decode(progressive(64, scans: scans))
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
