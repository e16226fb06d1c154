/// The resolution that readers of a picture need.
public struct PictureResolution: Sendable, Hashable {
  /// Share of the picture's width and height, 0 to 1.
  public var scale: Double
  /// Pixels of the longer side; not more than the picture has.
  public var side: Int

  public init(scale: Double, side: Int) {
    self.scale = scale
    self.side = side
  }

  /// The resolution of the picture itself.
  public static let full = PictureResolution(scale: 1, side: 0)

  /// The largest of 1, 2, 4, 8 by which width and height may be divided.
  public func divisor(width: Int, height: Int) -> Int {
    let longer = max(width, height)
    for divisor in [8, 4, 2] where scale * Double(divisor) <= 1 && longer >= side * divisor {
      return divisor
    }
    return 1
  }
}

/// A picture from which regions are sampled.
public protocol SampledImage: Sendable {
  /// Pixels; regions are in these coordinates.
  var width: Int { get }
  var height: Int { get }

  /// Resamples a region bilinearly into numbers; `sample` is the same with defaults.
  ///
  /// - Parameters:
  ///   - pixelCenters: samples are at the centres of the output's pixels and the region's coordinates begin at the edge
  ///     of the first pixel (OpenCV); else samples are at the corners and the coordinates begin at the centre of the first
  ///     pixel (the training of MediaPipe's models).
  ///   - output: `width` × `height` × 3 numbers, or more when they are part of a larger buffer.
  ///   - canvas: width and height of the larger picture whose upper left corner receives the numbers; nil for none.
  func resample(
    _ region: PictureRegion, width: Int, height: Int, border: PictureBorder, scaling: PixelScaling,
    pixelCenters: Bool, into output: UnsafeMutableBufferPointer<Float>, canvas: (width: Int, height: Int)?)
}

extension SampledImage {
  /// Resamples a region bilinearly into numbers.
  public func sample(
    _ region: PictureRegion, width: Int, height: Int, border: PictureBorder, scaling: PixelScaling,
    pixelCenters: Bool = false, into output: UnsafeMutableBufferPointer<Float>,
    canvas: (width: Int, height: Int)? = nil
  ) {
    resample(
      region, width: width, height: height, border: border, scaling: scaling, pixelCenters: pixelCenters,
      into: output, canvas: canvas)
  }
}

/// A picture at its own resolution or a lower one. All coordinates are those of the whole picture.
public struct ReducedImage: SampledImage {
  /// The pixels at the lower resolution.
  public let image: RGBImage
  /// Size of the whole picture, in its pixels.
  public let width: Int
  public let height: Int

  /// A picture at its own resolution.
  public init(_ image: RGBImage) { self.init(image, width: image.width, height: image.height) }

  /// - Parameters:
  ///   - width: of the whole picture.
  ///   - height: of the whole picture.
  public init(_ image: RGBImage, width: Int, height: Int) {
    self.image = image
    self.width = width
    self.height = height
  }

  /// Returns the picture upright; see `RGBImage.upright`.
  func upright(_ orientation: Int) -> ReducedImage {
    guard (2...8).contains(orientation) else { return self }
    let isTurned = orientation >= 5
    return ReducedImage(
      image.upright(orientation), width: isTurned ? height : width, height: isTurned ? width : height)
  }

  /// Whether the pixels are enough for a reader.
  public func satisfies(_ resolution: PictureResolution) -> Bool {
    let longer = max(width, height)
    let kept = max(image.width, image.height)
    let divisor = resolution.divisor(width: width, height: height)
    return kept >= (longer + divisor - 1) / divisor
  }

  public func resample(
    _ region: PictureRegion, width: Int, height: Int, border: PictureBorder, scaling: PixelScaling,
    pixelCenters: Bool, into output: UnsafeMutableBufferPointer<Float>, canvas: (width: Int, height: Int)?
  ) {
    var region = region
    if image.width != self.width || image.height != self.height {
      let (sx, sy) = (
        Double(image.width) / Double(self.width), Double(image.height) / Double(self.height)
      )
      // A pixel of the lower resolution is the mean of several, and its centre lies in their middle.
      let edge = pixelCenters ? 0 : 0.5
      region.centerX = (region.centerX + edge) * sx - edge
      region.centerY = (region.centerY + edge) * sy - edge
      region.width *= sx
      region.height *= sy
    }
    image.sample(
      region, width: width, height: height, border: border, scaling: scaling, pixelCenters: pixelCenters,
      into: output, canvas: canvas)
  }
}
