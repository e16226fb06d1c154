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
  ///   - output: `width` × `height` × 3 numbers, or more when they are part of something larger.
  ///   - canvas: width and height of the larger picture in whose upper left corner the numbers go; nil for none.
  public func sample(
    _ region: PictureRegion, width: Int, height: Int, border: PictureBorder, scaling: PixelScaling,
    pixelCenters: Bool = false, into output: UnsafeMutableBufferPointer<Float>,
    canvas: (width: Int, height: Int)? = nil
  ) {
    let canvas = canvas ?? (width, height)
    guard canvas.width >= width, canvas.height >= height, output.count >= canvas.width * canvas.height * 3
    else {
      return
    }
    let (c, s) = (cos(region.rotation), sin(region.rotation))
    let step = SIMD2(c * region.width / Double(width), s * region.width / Double(width))
    let down = SIMD2(-s * region.height / Double(height), c * region.height / Double(height))
    let origin = region.point(0, 0)
    let first =
      SIMD2(origin.x, origin.y) + (pixelCenters ? (step + down) * 0.5 - SIMD2(0.5, 0.5) : SIMD2.zero)
    guard first.x.isFinite, first.y.isFinite, step.x.isFinite, step.y.isFinite else { return }
    let plane = canvas.width * canvas.height
    let (red, blue) = scaling.isBGR ? (2, 0) : (0, 2)
    let bias = -scaling.mean * scaling.scale
    let scale = scaling.scale
    // The last place whose right and lower neighbours are inside.
    let limit = SIMD2(Float(self.width - 1), Float(self.height - 1))
    let step32 = SIMD2<Float>(step)
    let rowBytes = self.width * 4
    withPixels { pixels in
      guard let base = UnsafeRawPointer(pixels.baseAddress), let target = output.baseAddress else { return }
      @inline(__always) func load(_ offset: Int) -> SIMD4<Float> {
        SIMD4<Float>(base.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt8>.self))
      }
      @inline(__always) func put(_ value: SIMD4<Float>, _ place: UnsafeMutablePointer<Float>) {
        let value = value * scale + bias
        if scaling.isPlanar {
          place[0] = value[red]
          place[plane] = value[1]
          place[2 * plane] = value[blue]
        } else {
          place[0] = value[red]
          place[1] = value[1]
          place[2] = value[blue]
        }
      }
      let stride = scaling.isPlanar ? 1 : 3
      for row in 0..<height {
        let begin = SIMD2<Float>(first + down * Double(row))
        let end = begin + step32 * Float(width - 1)
        var place = target + row * canvas.width * stride
        let low = pointwiseMin(begin, end)
        let high = pointwiseMax(begin, end)
        if low.x >= 0, low.y >= 0, high.x + 0.01 < limit.x, high.y + 0.01 < limit.y {
          // All of the row lies inside: no neighbour is missing.
          for column in 0..<width {
            let at = begin + step32 * Float(column)
            let (x, y) = (Int(at.x), Int(at.y))
            let t = at - SIMD2(Float(x), Float(y))
            let offset = y * rowBytes + x * 4
            let (p00, p10) = (load(offset), load(offset + 4))
            let (p01, p11) = (load(offset + rowBytes), load(offset + rowBytes + 4))
            let top = p00 + (p10 - p00) * t.x
            let bottom = p01 + (p11 - p01) * t.x
            put(top + (bottom - top) * t.y, place)
            place += stride
          }
        } else {
          for column in 0..<width {
            put(edge(begin + step32 * Float(column), border, base), place)
            place += stride
          }
        }
      }
    }
  }

  /// A bilinear sample anywhere, also outside.
  private func edge(_ at: SIMD2<Float>, _ border: PictureBorder, _ base: UnsafeRawPointer) -> SIMD4<Float> {
    // A model's numbers may be anything: what is no place has no colour.
    guard at.x.isFinite, at.y.isFinite else { return .zero }
    // Far outside numbers would not fit, and all there is alike.
    let x = min(max(at.x, -4), Float(width) + 4)
    let y = min(max(at.y, -4), Float(height) + 4)
    let (floorX, floorY) = (x.rounded(.down), y.rounded(.down))
    let (x0, y0) = (Int(floorX), Int(floorY))
    func pixel(_ x: Int, _ y: Int) -> SIMD4<Float> {
      let isInside = x >= 0 && y >= 0 && x < width && y < height
      if border == .black, !isInside { return .zero }
      let place = (min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * 4
      return SIMD4<Float>(base.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt8>.self))
    }
    let top = pixel(x0, y0) + (pixel(x0 + 1, y0) - pixel(x0, y0)) * (x - floorX)
    let bottom = pixel(x0, y0 + 1) + (pixel(x0 + 1, y0 + 1) - pixel(x0, y0 + 1)) * (x - floorX)
    return top + (bottom - top) * (y - floorY)
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
