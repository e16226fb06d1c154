/// A colour picture in memory: rows without gaps, four bytes a pixel: red, green, blue and one unused, so that a pixel
/// is one load.
public struct RGBImage: Sendable, Hashable {
  public let width: Int
  public let height: Int
  public private(set) var pixels: [UInt8]

  /// Width times height, at most: a larger picture is no camera's but an attack.
  public static let maximumPixels = 64 << 20

  /// Makes a picture of pixels; nil for an invalid size or a wrong number of bytes.
  public init?(width: Int, height: Int, pixels: [UInt8]) {
    guard width > 0, height > 0, width <= Self.maximumPixels, height <= Self.maximumPixels / width,
      pixels.count == width * height * 4
    else { return nil }
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// - Parameter fill: the colour of every pixel.
  public init?(width: Int, height: Int, fill: (red: UInt8, green: UInt8, blue: UInt8)) {
    guard width > 0, height > 0, width <= Self.maximumPixels, height <= Self.maximumPixels / width else {
      return nil
    }
    self.width = width
    self.height = height
    pixels = [UInt8](unsafeUninitializedCapacity: width * height * 4) { buffer, count in
      for index in stride(from: 0, to: width * height * 4, by: 4) {
        buffer[index] = fill.red
        buffer[index + 1] = fill.green
        buffer[index + 2] = fill.blue
        buffer[index + 3] = 255
      }
      count = width * height * 4
    }
  }

  /// Returns red, green and blue of a pixel; outside, those of the nearest pixel inside.
  public subscript(x: Int, y: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    get {
      let index = (min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * 4
      return (pixels[index], pixels[index + 1], pixels[index + 2])
    }
    set {
      guard (0..<width).contains(x), (0..<height).contains(y) else { return }
      let index = (y * width + x) * 4
      pixels[index] = newValue.red
      pixels[index + 1] = newValue.green
      pixels[index + 2] = newValue.blue
    }
  }

  /// Converts packed Y U Y V (ITU-R BT.601, limited range, which USB cameras send).
  ///
  /// - Parameter rowBytes: bytes from one row to the next.
  /// - Returns: nil for fewer bytes than the size needs.
  public init?(yuyv bytes: [UInt8], width: Int, height: Int, rowBytes: Int) {
    guard width > 0, height > 0, width % 2 == 0, width <= Self.maximumPixels,
      height <= Self.maximumPixels / width, rowBytes >= width * 2,
      bytes.count >= rowBytes * (height - 1) + width * 2
    else { return nil }
    self.width = width
    self.height = height
    pixels = [UInt8](unsafeUninitializedCapacity: width * height * 4) { output, count in
      bytes.withUnsafeBufferPointer { input in
        var index = 0
        for row in 0..<height {
          var source = row * rowBytes
          for _ in 0..<(width / 2) {
            let u = Int32(input[source + 1]) - 128
            let v = Int32(input[source + 3]) - 128
            // 298 is 256 · 255 / 219; the other factors follow from BT.601 in the same way.
            let red = 409 * v + 128
            let green = -100 * u - 208 * v + 128
            let blue = 516 * u + 128
            for brightness in [input[source], input[source + 2]] {
              let y = 298 * (Int32(brightness) - 16)
              output[index] = UInt8(clamping: (y + red) >> 8)
              output[index + 1] = UInt8(clamping: (y + green) >> 8)
              output[index + 2] = UInt8(clamping: (y + blue) >> 8)
              output[index + 3] = 255
              index += 4
            }
            source += 4
          }
        }
      }
      count = width * height * 4
    }
  }

  /// - Returns: nil for fewer bytes than the size needs.
  public init?(rgb bytes: [UInt8], width: Int, height: Int, rowBytes: Int) {
    self.init(packed: bytes, width: width, height: height, rowBytes: rowBytes, channels: [0, 1, 2])
  }

  /// - Returns: nil for fewer bytes than the size needs.
  public init?(grey bytes: [UInt8], width: Int, height: Int, rowBytes: Int) {
    self.init(packed: bytes, width: width, height: height, rowBytes: rowBytes, channels: [0, 0, 0])
  }

  /// - Parameter channels: the index of red, green and blue in a pixel's bytes.
  private init?(packed bytes: [UInt8], width: Int, height: Int, rowBytes: Int, channels: SIMD3<Int32>) {
    let (red, green, blue) = (Int(channels.x), Int(channels.y), Int(channels.z))
    let step = max(red, green, blue) + 1
    guard width > 0, height > 0, width <= Self.maximumPixels, height <= Self.maximumPixels / width,
      rowBytes >= width * step, bytes.count >= rowBytes * (height - 1) + width * step
    else { return nil }
    self.width = width
    self.height = height
    pixels = [UInt8](unsafeUninitializedCapacity: width * height * 4) { output, count in
      bytes.withUnsafeBufferPointer { input in
        var index = 0
        for row in 0..<height {
          for column in 0..<width {
            let source = row * rowBytes + column * step
            output[index] = input[source + red]
            output[index + 1] = input[source + green]
            output[index + 2] = input[source + blue]
            output[index + 3] = 255
            index += 4
          }
        }
      }
      count = width * height * 4
    }
  }

  /// Returns the part of a rectangle that lies inside the picture; nil when none does.
  public func cropped(x: Int, y: Int, width: Int, height: Int) -> RGBImage? {
    let (left, top) = (max(0, x), max(0, y))
    let (right, bottom) = (min(self.width, x + width), min(self.height, y + height))
    guard left < right, top < bottom else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity((right - left) * (bottom - top) * 4)
    withPixels { pixels in
      for row in top..<bottom {
        let start = (row * self.width + left) * 4
        bytes.append(contentsOf: pixels[start..<start + (right - left) * 4])
      }
    }
    return RGBImage(width: right - left, height: bottom - top, pixels: bytes)
  }

  public func withPixels<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    try pixels.withUnsafeBufferPointer(body)
  }

  public mutating func withMutablePixels(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
    pixels.withUnsafeMutableBufferPointer { body($0) }
  }
}
