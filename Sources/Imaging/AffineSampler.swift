import Foundation

/// A rectangle of a picture that may be turned: its middle, sides and turn (clockwise, as rows go down), in pixels.
public struct PictureRegion: Sendable, Hashable {
  public var centerX: Double
  public var centerY: Double
  public var width: Double
  public var height: Double
  public var rotation: Double

  public init(centerX: Double, centerY: Double, width: Double, height: Double, rotation: Double = 0) {
    self.centerX = centerX
    self.centerY = centerY
    self.width = width
    self.height = height
    self.rotation = rotation
  }

  /// The point of the picture that lies at a share (0 to 1) of the region's sides.
  public func point(_ u: Double, _ v: Double) -> (x: Double, y: Double) {
    let (x, y) = ((u - 0.5) * width, (v - 0.5) * height)
    let (c, s) = (cos(rotation), sin(rotation))
    return (centerX + c * x - s * y, centerY + s * x + c * y)
  }
}

/// What lies beyond the picture's edge.
public enum PictureBorder: Sendable {
  case black
  /// The pixel at the edge goes on.
  case replicate
}

/// How the numbers of a tensor are made of a picture: (byte − mean) × scale.
public struct PixelScaling: Sendable {
  public var mean: SIMD4<Float>
  public var scale: SIMD4<Float>
  public var isPlanar: Bool
  public var isBGR: Bool

  public init(
    mean: SIMD4<Float> = .zero, scale: SIMD4<Float> = SIMD4(repeating: 1 / 255), isPlanar: Bool = false,
    isBGR: Bool = false
  ) {
    self.mean = mean
    self.scale = scale
    self.isPlanar = isPlanar
    self.isBGR = isBGR
  }
}

extension RGBImage {
  /// Resamples a region into numbers, bilinear.
  ///
  /// - Parameters:
  ///   - pixelCenters: samples lie at the middles of the output's pixels, as OpenCV has it; else at their corners, as
  ///     MediaPipe's models were trained.
  ///   - output: `width` × `height` × 3 numbers.
  public func sample(
    _ region: PictureRegion, width: Int, height: Int, border: PictureBorder, scaling: PixelScaling,
    pixelCenters: Bool = false, into output: UnsafeMutableBufferPointer<Float>
  ) {
    guard output.count >= width * height * 3 else { return }
    let (c, s) = (cos(region.rotation), sin(region.rotation))
    let (ax, ay) = (c * region.width / Double(width), s * region.width / Double(width))
    let (bx, by) = (-s * region.height / Double(height), c * region.height / Double(height))
    let offset = pixelCenters ? 0.5 : 0
    let shift = pixelCenters ? -0.5 : 0
    let (originX, originY) = region.point(0, 0)
    let firstX = originX + offset * (ax + bx) + shift
    let firstY = originY + offset * (ay + by) + shift
    let (wide, high) = (self.width, self.height)
    let plane = width * height
    let (red, blue) = scaling.isBGR ? (2, 0) : (0, 2)
    let bias = -scaling.mean * scaling.scale
    let zero = SIMD4<Float>.zero
    // The middle of the picture, where all four neighbours are inside, needs no care.
    withPixels { pixels in
      guard let base = UnsafeRawPointer(pixels.baseAddress) else { return }
      @inline(__always) func pixel(_ x: Int, _ y: Int) -> SIMD4<Float> {
        SIMD4<Float>(base.loadUnaligned(fromByteOffset: (y * wide + x) * 4, as: SIMD4<UInt8>.self))
      }
      @inline(__always) func edge(_ x: Int, _ y: Int) -> SIMD4<Float> {
        if x >= 0, y >= 0, x < wide, y < high { return pixel(x, y) }
        if border == .black { return zero }
        return pixel(min(max(x, 0), wide - 1), min(max(y, 0), high - 1))
      }
      for row in 0..<height {
        var x = firstX + bx * Double(row)
        var y = firstY + by * Double(row)
        var place = scaling.isPlanar ? row * width : row * width * 3
        for _ in 0..<width {
          // Far outside numbers would not fit, and all there is alike.
          let (floorX, floorY) = (
            min(max(x, -4), Double(wide) + 4).rounded(.down), min(max(y, -4), Double(high) + 4).rounded(.down)
          )
          let (tx, ty) = (Float(min(max(x - floorX, 0), 1)), Float(min(max(y - floorY, 0), 1)))
          let (x0, y0) = (Int(floorX), Int(floorY))
          let (p00, p10, p01, p11): (SIMD4<Float>, SIMD4<Float>, SIMD4<Float>, SIMD4<Float>)
          if x0 >= 0, y0 >= 0, x0 + 1 < wide, y0 + 1 < high {
            p00 = pixel(x0, y0)
            p10 = pixel(x0 + 1, y0)
            p01 = pixel(x0, y0 + 1)
            p11 = pixel(x0 + 1, y0 + 1)
          } else {
            p00 = edge(x0, y0)
            p10 = edge(x0 + 1, y0)
            p01 = edge(x0, y0 + 1)
            p11 = edge(x0 + 1, y0 + 1)
          }
          let top = p00 + (p10 - p00) * tx
          let bottom = p01 + (p11 - p01) * tx
          let value = (top + (bottom - top) * ty) * scaling.scale + bias
          if scaling.isPlanar {
            output[place] = value[red]
            output[place + plane] = value[1]
            output[place + 2 * plane] = value[blue]
            place += 1
          } else {
            output[place] = value[red]
            output[place + 1] = value[1]
            output[place + 2] = value[blue]
            place += 3
          }
          x += ax
          y += ay
        }
      }
    }
  }

  /// The picture in another size, bilinear.
  public func resized(width: Int, height: Int) -> RGBImage? {
    guard var result = RGBImage(width: width, height: height, fill: (0, 0, 0)) else { return nil }
    let region = PictureRegion(
      centerX: Double(self.width) / 2, centerY: Double(self.height) / 2, width: Double(self.width),
      height: Double(self.height))
    var numbers = [Float](repeating: 0, count: width * height * 3)
    numbers.withUnsafeMutableBufferPointer {
      sample(
        region, width: width, height: height, border: .replicate,
        scaling: PixelScaling(scale: SIMD4(repeating: 1)), pixelCenters: true, into: $0)
    }
    result.withMutablePixels { pixels in
      for place in 0..<(width * height) {
        for channel in 0..<3 {
          pixels[place * 4 + channel] = UInt8(min(max(numbers[place * 3 + channel].rounded(), 0), 255))
        }
      }
    }
    return result
  }
}
