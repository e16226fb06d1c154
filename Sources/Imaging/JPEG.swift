import CTurboJPEG

/// JPEG through libjpeg-turbo.
public enum JPEG {
  private static func message(_ handle: tjhandle) -> String {
    tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
  }

  /// Decoded pixels in rows without gaps, and the size of the picture that was sent.
  private struct Unpacked {
    var pixels: [UInt8]
    var width: Int
    var height: Int
    var fullWidth: Int
    var fullHeight: Int
  }

  private static func unpack(
    _ bytes: [UInt8], format: Int32, channels: Int, maximumPixels: Int, resolution: PictureResolution
  ) throws(PictureError) -> Unpacked {
    guard let decoder = tjInitDecompress() else {
      throw PictureError(description: "no memory to read an image")
    }
    defer { tjDestroy(decoder) }
    var (width, height, sampling, space): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    guard
      tjDecompressHeader3(decoder, bytes, UInt(bytes.count), &width, &height, &sampling, &space) == 0,
      width > 0, height > 0
    else { throw PictureError(description: "the image is no JPEG: \(message(decoder))") }
    guard Int(width) * Int(height) <= maximumPixels else {
      throw PictureError(description: "the image is too large: \(width) by \(height) pixels")
    }
    guard !JPEGScans.areTooMany(bytes, pixels: Int(width) * Int(height)) else {
      throw PictureError(
        description: "the picture has more scans than a camera or an encoder makes; encode it again")
    }
    // A decoder skips most of the inverse transform at these scales, and rounds sizes up.
    let divisor = resolution.divisor(width: Int(width), height: Int(height))
    let (outWidth, outHeight) = (
      (Int(width) + divisor - 1) / divisor, (Int(height) + divisor - 1) / divisor
    )
    var pixels = [UInt8](repeating: 255, count: outWidth * outHeight * channels)
    let result = tjDecompress2(
      decoder, bytes, UInt(bytes.count), &pixels, Int32(outWidth), Int32(outWidth * channels),
      Int32(outHeight), format, TJFLAG_LIMITSCANS)
    // A warning (a truncated picture) leaves the pixels decoded so far.
    guard result == 0 || tjGetErrorCode(decoder) == Int32(TJERR_WARNING.rawValue) else {
      throw PictureError(description: "the image can't be decoded: \(message(decoder))")
    }
    return Unpacked(
      pixels: pixels, width: outWidth, height: outHeight, fullWidth: Int(width), fullHeight: Int(height))
  }

  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) throws(PictureError) -> RGBImage {
    try decode(bytes, maximumPixels: maximumPixels, resolution: .full).image
  }

  /// Decodes a picture at a half, a quarter or an eighth of its size where that is enough.
  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels, resolution: PictureResolution
  ) throws(PictureError) -> ReducedImage {
    let header = JPEGHeader(bytes)
    let isCMYK = header.components == 4
    let found = try unpack(
      bytes, format: Int32((isCMYK ? TJPF_CMYK : TJPF_RGBX).rawValue), channels: 4,
      maximumPixels: maximumPixels, resolution: resolution)
    let image =
      isCMYK
      ? RGBImage(cmyk: found.pixels, width: found.width, height: found.height, isInverted: header.isAdobe)
      : RGBImage(width: found.width, height: found.height, pixels: found.pixels)
    guard let image else {
      throw PictureError(description: "the image is too large: \(found.width) by \(found.height) pixels")
    }
    return ReducedImage(image, width: found.fullWidth, height: found.fullHeight)
  }

  /// Decodes the luminance alone, in rows without gaps.
  public static func decodeGrey(_ bytes: [UInt8]) throws(PictureError) -> (
    pixels: [UInt8], width: Int, height: Int
  ) {
    let found = try unpack(
      bytes, format: Int32(TJPF_GRAY.rawValue), channels: 1, maximumPixels: RGBImage.maximumPixels,
      resolution: .full)
    return (found.pixels, found.width, found.height)
  }

  private static func pack(
    _ body: (tjhandle, inout UnsafeMutablePointer<UInt8>?, inout UInt) -> Int32
  ) throws(PictureError) -> [UInt8] {
    guard let encoder = tjInitCompress() else {
      throw PictureError(description: "no memory to write an image")
    }
    defer { tjDestroy(encoder) }
    var output: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    defer { if let output { tjFree(output) } }
    guard body(encoder, &output, &size) == 0, let output else {
      throw PictureError(description: "the image can't be encoded as JPEG: \(message(encoder))")
    }
    return Array(UnsafeBufferPointer(start: output, count: Int(size)))
  }

  /// Encodes a picture.
  ///
  /// - Parameter quality: 1 to 100.
  public static func encode(_ image: RGBImage, quality: Int = 95) throws(PictureError) -> [UInt8] {
    try pack { encoder, output, size in
      image.withPixels {
        tjCompress2(
          encoder, $0.baseAddress, Int32(image.width), 0, Int32(image.height), Int32(TJPF_RGBX.rawValue),
          &output, &size, Int32(TJSAMP_444.rawValue), Int32(quality), 0)
      }
    }
  }

  /// Encodes luminance alone.
  ///
  /// - Parameter layout: of the format grey.
  public static func encode(
    grey bytes: UnsafeRawBufferPointer, _ layout: PixelLayout, quality: Int = 95
  ) throws(PictureError) -> [UInt8] {
    guard bytes.count >= layout.leastSize, layout.format == .grey else { throw .tooFewBytes }
    return try pack { encoder, output, size in
      tjCompress2(
        encoder, bytes.bindMemory(to: UInt8.self).baseAddress, Int32(layout.width), Int32(layout.stride),
        Int32(layout.height), Int32(TJPF_GRAY.rawValue), &output, &size, Int32(TJSAMP_GRAY.rawValue),
        Int32(quality), 0)
    }
  }

  /// Encodes packed Y U Y V, whose planes a JPEG stores without conversion.
  ///
  /// - Parameter layout: of the format YUYV.
  public static func encode(
    yuyv bytes: UnsafeRawBufferPointer, _ layout: PixelLayout, quality: Int = 95
  ) throws(PictureError) -> [UInt8] {
    guard bytes.count >= layout.leastSize, layout.format == .yuyv else { throw .tooFewBytes }
    let (width, height) = (layout.width, layout.height)
    let half = width / 2
    var y = [UInt8](repeating: 0, count: width * height)
    var u = [UInt8](repeating: 0, count: half * height)
    var v = u
    for row in 0..<height {
      for pair in 0..<half {
        let source = row * layout.stride + pair * 4
        y[row * width + 2 * pair] = bytes[source]
        y[row * width + 2 * pair + 1] = bytes[source + 2]
        u[row * half + pair] = bytes[source + 1]
        v[row * half + pair] = bytes[source + 3]
      }
    }
    return try pack { encoder, output, size in
      y.withUnsafeBufferPointer { y in
        u.withUnsafeBufferPointer { u in
          v.withUnsafeBufferPointer { v in
            var sources: [UnsafePointer<UInt8>?] = [y.baseAddress, u.baseAddress, v.baseAddress]
            return tjCompressFromYUVPlanes(
              encoder, &sources, Int32(width), nil, Int32(height), Int32(TJSAMP_422.rawValue), &output, &size,
              Int32(quality), 0)
          }
        }
      }
    }
  }
}

extension PictureError {
  static let tooFewBytes = PictureError(description: "the frame has fewer bytes than its size needs")
}
