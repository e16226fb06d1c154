import CSampler
import Foundation

/// A rotated rectangle of a picture: centre and sides in pixels, rotation in radians (clockwise, since rows go down).
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

  /// Returns the point of the picture at shares (0 to 1) of the region's sides.
  public func point(_ u: Double, _ v: Double) -> (x: Double, y: Double) {
    let (x, y) = ((u - 0.5) * width, (v - 0.5) * height)
    let (c, s) = (cos(rotation), sin(rotation))
    return (centerX + c * x - s * y, centerY + s * x + c * y)
  }
}

/// The colour of samples beyond the picture's edge.
public enum PictureBorder: Sendable {
  case black
  /// The colour of the nearest pixel at the edge.
  case replicate
}

/// Conversion of a picture's bytes to a tensor's numbers: (byte − mean) × scale.
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

extension RGBImage: SampledImage {
  public func resample(
    _ region: PictureRegion, width: Int, height: Int, border: PictureBorder, scaling: PixelScaling,
    pixelCenters: Bool, into output: UnsafeMutableBufferPointer<Float>, canvas: (width: Int, height: Int)?
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
    let colors = sampler_output(
      scale: (scale.x, scale.y, scale.z, scale.w), bias: (bias.x, bias.y, bias.z, bias.w),
      is_bgr: scaling.isBGR ? 1 : 0, plane: scaling.isPlanar ? plane : 1)
    let step32 = SIMD2<Float>(step)
    let rowBytes = self.width * 4
    withPixels { pixels in
      guard let base = UnsafeRawPointer(pixels.baseAddress), let target = output.baseAddress else { return }
      let stride = scaling.isPlanar ? 1 : 3
      for row in 0..<height {
        let begin = SIMD2<Float>(first + down * Double(row))
        let start = target + row * canvas.width * stride
        func put(_ column: Int) {
          let value = edge(begin + step32 * Float(column), border, base) * scale + bias
          let target = start + column * stride
          target[0] = value[red]
          target[colors.plane] = value[1]
          target[2 * colors.plane] = value[blue]
        }
        let inner = columnsInside(begin, step32, width)
        for column in 0..<inner.lowerBound { put(column) }
        if !inner.isEmpty {
          let at = begin + step32 * Float(inner.lowerBound)
          withUnsafePointer(to: colors) {
            sampler_line(
              base.assumingMemoryBound(to: UInt8.self), rowBytes, at.x, at.y, step32.x, step32.y,
              Int32(inner.count), $0, start + inner.lowerBound * stride)
          }
        }
        for column in inner.upperBound..<width { put(column) }
      }
    }
  }

  /// Returns the columns of a row whose samples have all their neighbours in the picture.
  private func columnsInside(_ begin: SIMD2<Float>, _ step: SIMD2<Float>, _ count: Int) -> Range<Int> {
    var (from, to) = (0.0, Double(count))
    for axis in 0..<2 {
      let (start, slope) = (Double(begin[axis]), Double(step[axis]))
      // A margin of a hundredth of a pixel covers the rounding of single precision.
      let (low, high) = (0.01, Double(axis == 0 ? width : height) - 1.01)
      if abs(slope) < 1e-9 {
        // At the very edge the margin does not apply.
        guard start >= 0, start < high else { return 0..<0 }
        continue
      }
      let (near, far) = ((low - start) / slope, (high - start) / slope)
      from = max(from, min(near, far))
      to = min(to, max(near, far) + 1)
    }
    let (first, last) = (from.rounded(.up), to.rounded(.down))
    guard first < last else { return 0..<0 }
    let columns = Int(first)..<min(Int(last), count)
    // A model's numbers may be anything; columns that are read without a check must lie inside.
    for column in [columns.lowerBound, columns.upperBound - 1] {
      let at = begin + step * Float(column)
      guard at.x >= 0, at.y >= 0, at.x < Float(width - 1), at.y < Float(height - 1) else { return 0..<0 }
    }
    return columns
  }

  /// Returns a bilinear sample at any point, inside or outside.
  private func edge(_ at: SIMD2<Float>, _ border: PictureBorder, _ base: UnsafeRawPointer) -> SIMD4<Float> {
    // A model's numbers may be anything: a point that is not finite has no colour.
    guard at.x.isFinite, at.y.isFinite else { return .zero }
    if border == .black, at.x < -1 || at.y < -1 || at.x > Float(width) || at.y > Float(height) {
      return .zero
    }
    // Clamped: far outside all samples are alike, and the index would overflow.
    let x = min(max(at.x, -4), Float(width) + 4)
    let y = min(max(at.y, -4), Float(height) + 4)
    let (floorX, floorY) = (x.rounded(.down), y.rounded(.down))
    let (x0, y0) = (Int(floorX), Int(floorY))
    func pixel(_ x: Int, _ y: Int) -> SIMD4<Float> {
      let isInside = x >= 0 && y >= 0 && x < width && y < height
      if border == .black, !isInside { return .zero }
      let index = (min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * 4
      return SIMD4<Float>(base.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt8>.self))
    }
    let top = pixel(x0, y0) + (pixel(x0 + 1, y0) - pixel(x0, y0)) * (x - floorX)
    let bottom = pixel(x0, y0 + 1) + (pixel(x0 + 1, y0 + 1) - pixel(x0, y0 + 1)) * (x - floorX)
    return top + (bottom - top) * (y - floorY)
  }

  /// Returns the picture in another size, resampled bilinearly.
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
      for index in 0..<(width * height) {
        for channel in 0..<3 {
          pixels[index * 4 + channel] = UInt8(min(max(numbers[index * 3 + channel].rounded(), 0), 255))
        }
      }
    }
    return result
  }
}
