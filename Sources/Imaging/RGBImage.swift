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
