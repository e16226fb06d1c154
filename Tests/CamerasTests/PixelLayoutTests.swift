import Imaging
import Testing

struct PixelLayoutTests {
  @Test(
    arguments: [
      (0, 480, nil), (640, 0, nil), (-1, 480, nil), (16_385, 2, nil), (2, 1 << 40, nil),
      (16_384, 16_384, nil),
      (640, 480, 639), (640, 480, 1 << 40), (640, 480, -640),
    ] as [(Int, Int, Int?)])
  func impossibleDimensionsAreErrors(_ width: Int, _ height: Int, _ stride: Int?) {
    for format in PixelLayout.Format.allCases {
      #expect(throws: PictureError.self) {
        try PixelLayout(format, width: width, height: height, stride: stride)
      }
    }
  }

  @Test func sharedChromaNeedsEvenDimensions() throws {
    #expect(throws: PictureError.self) { try PixelLayout(.nv12, width: 640, height: 479) }
    #expect(throws: PictureError.self) { try PixelLayout(.nv12, width: 639, height: 480) }
    #expect(throws: PictureError.self) { try PixelLayout(.yuyv, width: 639, height: 480) }
    #expect(try PixelLayout(.yuyv, width: 640, height: 479).size == 640 * 2 * 479)
    #expect(try PixelLayout(.nv12, width: 640, height: 480, stride: 700).size == 700 * 720)
    #expect(try PixelLayout(.rgb, width: 5, height: 3).size == 45)
  }

  /// Colours of BT.601 in limited range (ITU-R BT.601-7, 2.5): white, black, and the primaries.
  @Test(
    arguments: [
      (235, 128, 128, [255, 255, 255]), (16, 128, 128, [0, 0, 0]), (81, 90, 240, [255, 0, 0]),
      (145, 54, 34, [0, 255, 0]), (41, 240, 110, [0, 0, 255]),
    ] as [(UInt8, UInt8, UInt8, [Int])])
  func coloursOfVideoAreConverted(_ y: UInt8, _ u: UInt8, _ v: UInt8, _ rgb: [Int]) throws {
    // Ten columns: a whole vector and a rest.
    let nv12 = try PixelLayout(.nv12, width: 10, height: 4, stride: 13)
    var planes = [UInt8](repeating: 7, count: nv12.size)
    for row in 0..<6 {
      for column in 0..<10 { planes[row * 13 + column] = row < 4 ? y : column % 2 == 0 ? u : v }
    }
    let yuyv = try PixelLayout(.yuyv, width: 10, height: 4)
    let packed = (0..<yuyv.size).map { [y, u, y, v][$0 % 4] }
    for (layout, bytes) in [(nv12, planes), (yuyv, packed)] {
      let image = try bytes.withUnsafeBytes { try RGBImage(layout, $0) }
      for (x, row) in [(0, 0), (9, 3), (4, 2)] {
        let (red, green, blue) = image[x, row]
        for (value, expected) in zip([red, green, blue], rgb) { #expect(abs(Int(value) - expected) <= 2) }
      }
      #expect(throws: PictureError.self) {
        try bytes.dropLast(20).withUnsafeBytes { try RGBImage(layout, $0) }
      }
    }
  }

  @Test func aJPEGIsDecodedAtTheResolutionThatIsNeeded() throws {
    var image = try #require(RGBImage(width: 641, height: 481, fill: (200, 40, 10)))
    for y in 0..<481 { for x in 0..<320 { image[x, y] = (10, 200, 40) } }
    let jpeg = try JPEG.encode(image)
    for (resolution, width) in [
      (PictureResolution.full, 641), (PictureResolution(scale: 0.51, side: 0), 641),
      (PictureResolution(scale: 0.5, side: 0), 321), (PictureResolution(scale: 0.3, side: 320), 321),
      (PictureResolution(scale: 0.3, side: 321), 641), (PictureResolution(scale: 0.25, side: 100), 161),
      (PictureResolution(scale: 0, side: 0), 81),
    ] {
      let reduced = try Picture.decode(jpeg, resolution: resolution)
      #expect(reduced.image.width == width && reduced.width == 641 && reduced.height == 481)
      #expect(reduced.satisfies(resolution) && reduced.satisfies(.full) == (width == 641))
      // A region in the picture's coordinates gives the same colours at every resolution.
      for (center, red) in [(160.0, 10.0), (480.0, 200.0)] {
        var numbers = [Float](repeating: 0, count: 4 * 4 * 3)
        numbers.withUnsafeMutableBufferPointer {
          reduced.sample(
            PictureRegion(centerX: center, centerY: 240, width: 200, height: 200), width: 4, height: 4,
            border: .replicate, scaling: PixelScaling(scale: SIMD4(repeating: 1)), into: $0)
        }
        for index in stride(from: 0, to: 48, by: 3) { #expect(abs(Double(numbers[index]) - red) < 6) }
      }
    }
  }

  /// A ramp shows where a sample lies: the same place at every resolution, to a fraction of a pixel.
  @Test(arguments: [true, false])
  func samplesLieAtTheSamePlaceAtEveryResolution(_ pixelCenters: Bool) throws {
    var image = try #require(RGBImage(width: 128, height: 64, fill: (0, 0, 0)))
    for y in 0..<64 { for x in 0..<128 { image[x, y] = (UInt8(2 * x), UInt8(2 * x), UInt8(2 * x)) } }
    let jpeg = try JPEG.encode(image, quality: 100)
    func samples(_ resolution: PictureResolution) throws -> [Float] {
      var numbers = [Float](repeating: 0, count: 8 * 2 * 3)
      let reduced = try Picture.decode(jpeg, resolution: resolution)
      numbers.withUnsafeMutableBufferPointer {
        reduced.sample(
          PictureRegion(centerX: 64, centerY: 32, width: 80, height: 20), width: 8, height: 2,
          border: .replicate, scaling: PixelScaling(scale: SIMD4(repeating: 1)), pixelCenters: pixelCenters,
          into: $0)
      }
      return numbers
    }
    let full = try samples(.full)
    for scale in [0.5, 0.25, 0.125] {
      let reduced = try samples(PictureResolution(scale: scale, side: 0))
      // The ramp's means over 2, 4 and 8 pixels are whole numbers. Two of brightness are a pixel.
      let difference = zip(full, reduced).map { Double($0 - $1) }.reduce(0, +) / Double(full.count)
      #expect(abs(difference) < 0.4, "\(scale)")
    }
  }
}
