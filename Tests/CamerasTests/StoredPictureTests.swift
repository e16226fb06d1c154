import CTurboJPEG
import Imaging
import Testing

/// Pictures as cameras, scanners and print shops store them.
struct StoredPictureTests {
  /// Blocks of 16 pixels: red, green and blue above, white, black and yellow below.
  private static let colours: [[(red: UInt8, green: UInt8, blue: UInt8)]] = [
    [(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(255, 255, 255), (0, 0, 0), (255, 255, 0)],
  ]

  private static func picture() throws -> RGBImage {
    var image = try #require(RGBImage(width: 48, height: 32, fill: (0, 0, 0)))
    for y in 0..<32 { for x in 0..<48 { image[x, y] = colours[y / 16][x / 16] } }
    return image
  }

  private static func isNear(
    _ a: (red: UInt8, green: UInt8, blue: UInt8), _ b: (red: UInt8, green: UInt8, blue: UInt8),
    within limit: Int = 12
  ) -> Bool {
    zip([a.red, a.green, a.blue], [b.red, b.green, b.blue]).allSatisfy { abs(Int($0) - Int($1)) <= limit }
  }

  /// An EXIF segment with one entry (EXIF 2.3, section 4.6.2).
  private static func exif(_ orientation: UInt8, isBigEndian: Bool) -> [UInt8] {
    func u16(_ value: UInt16) -> [UInt8] {
      let bytes = [UInt8(value >> 8), UInt8(value & 255)]
      return isBigEndian ? bytes : bytes.reversed()
    }
    func u32(_ value: UInt32) -> [UInt8] {
      let bytes = (0..<4).map { UInt8(value >> (24 - 8 * UInt32($0)) & 255) }
      return isBigEndian ? bytes : bytes.reversed()
    }
    var tiff: [UInt8] = isBigEndian ? [0x4D, 0x4D] : [0x49, 0x49]
    tiff += u16(42)
    tiff += u32(8)
    for value in [1, 0x0112, 3] as [UInt16] { tiff += u16(value) }
    tiff += u32(1)
    tiff += u16(UInt16(orientation))
    tiff += [0, 0, 0, 0, 0, 0]
    let body = Array("Exif\0\0".utf8) + tiff
    let header: [UInt8] = [0xFF, 0xE1, UInt8((body.count + 2) >> 8), UInt8((body.count + 2) & 255)]
    return header + body
  }

  /// Where the scene's top left corner and the block right of it are in the stored picture, by orientation.
  @Test(arguments: [false, true])
  func picturesAreUprightAsEXIFSays(_ isBigEndian: Bool) throws {
    let upright = try Self.picture()
    for orientation in 1...8 {
      let isTurned = orientation >= 5
      // The stored picture: row and column 0 are the sides that EXIF's table names.
      var stored = try #require(
        RGBImage(width: isTurned ? 32 : 48, height: isTurned ? 48 : 32, fill: (0, 0, 0)))
      for y in 0..<32 {
        for x in 0..<48 {
          let (column, row): (Int, Int) =
            switch orientation {
            case 1: (x, y)
            case 2: (47 - x, y)
            case 3: (47 - x, 31 - y)
            case 4: (x, 31 - y)
            case 5: (y, x)
            case 6: (y, 47 - x)
            case 7: (31 - y, 47 - x)
            default: (31 - y, x)
            }
          stored[column, row] = upright[x, y]
        }
      }
      let plain = try JPEG.encode(stored)
      let bytes =
        Array(plain[0..<2]) + Self.exif(UInt8(orientation), isBigEndian: isBigEndian) + Array(plain[2...])
      let decoded = try Picture.decode(bytes)
      #expect(decoded.width == 48 && decoded.height == 32, "\(orientation)")
      for row in 0..<2 {
        for column in 0..<3 {
          #expect(
            Self.isNear(decoded[column * 16 + 8, row * 16 + 8], Self.colours[row][column]),
            "\(orientation): \(column), \(row)")
        }
      }
      // Cut anywhere in the header, and with an impossible orientation.
      for count in 2..<40 { _ = try? Picture.decode(Array(bytes[..<count])) }
    }
    let plain = try JPEG.encode(upright)
    let wrong = Array(plain[0..<2]) + Self.exif(9, isBigEndian: isBigEndian) + Array(plain[2...])
    #expect(try Picture.decode(wrong) == Picture.decode(plain))
  }

  @Test func fourColoursOfPrintAreConverted() throws {
    let upright = try Self.picture()
    // Without black ink, inverted as Adobe's programs and libjpeg write it.
    let inks = upright.pixels.enumerated().map { $0.offset % 4 == 3 ? 255 : $0.element }
    let encoder = try #require(tjInitCompress())
    defer { tjDestroy(encoder) }
    var output: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    defer { if let output { tjFree(output) } }
    let status = tjCompress2(
      encoder, inks, 48, 0, 32, Int32(TJPF_CMYK.rawValue), &output, &size, Int32(TJSAMP_444.rawValue), 95, 0)
    try #require(status == 0)
    let bytes = Array(UnsafeBufferPointer(start: try #require(output), count: Int(size)))
    let decoded = try Picture.decode(bytes)
    for row in 0..<2 {
      for column in 0..<3 {
        #expect(
          Self.isNear(decoded[column * 16 + 8, row * 16 + 8], Self.colours[row][column]), "\(column), \(row)")
      }
    }
  }

  // MARK: PNG

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
      }
    }
  }

  private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * UInt32($0)) & 255) } }
    let body = Array(name.utf8) + data
    return word(UInt32(data.count)) + body + word(crc(body))
  }

  /// 16-bit grey without a gamma: as bright as the same picture with 8 bits.
  @Test func greyOfSixteenBitsKeepsItsBrightness() throws {
    let values: [UInt16] = [0, 0x4000, 0x8000, 0xC000, 0xFFFF]
    let row: [UInt8] = [0] + values.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    var (a, b) = (UInt32(1), UInt32(0))
    for byte in row {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    let length = UInt16(row.count)
    var data: [UInt8] = [
      0x78, 0x01, 1, UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8),
    ]
    data += row
    let sum = b << 16 | a
    data += (0..<4).map { UInt8(sum >> (24 - 8 * UInt32($0)) & 255) }
    var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    let header: [UInt8] = [0, 0, 0, UInt8(values.count), 0, 0, 0, 1, 16, 0, 0, 0, 0]
    bytes += Self.chunk("IHDR", header)
    bytes += Self.chunk("IDAT", data)
    bytes += Self.chunk("IEND", [])
    let image = try Picture.decode(bytes)
    for (index, value) in values.enumerated() {
      let expected = UInt8(value >> 8)
      #expect(
        Self.isNear(image[index, 0], (expected, expected, expected), within: 1),
        "\(index): \(image[index, 0])")
    }
  }
}
