import CTurboJPEG

/// JPEG through libjpeg-turbo.
public enum JPEG {
  private static func message(_ handle: tjhandle) -> String {
    tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
  }

  private static func unpack(
    _ bytes: [UInt8], format: Int32, channels: Int, maximumPixels: Int
  ) throws(PictureError) -> (pixels: [UInt8], width: Int, height: Int) {
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
    var pixels = [UInt8](repeating: 255, count: Int(width) * Int(height) * channels)
    let result = tjDecompress2(
      decoder, bytes, UInt(bytes.count), &pixels, width, 0, height, format, TJFLAG_LIMITSCANS)
    // A warning (a truncated picture) leaves the pixels decoded so far.
    guard result == 0 || tjGetErrorCode(decoder) == Int32(TJERR_WARNING.rawValue) else {
      throw PictureError(description: "the image can't be decoded: \(message(decoder))")
    }
    return (pixels, Int(width), Int(height))
  }

  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) throws(PictureError) -> RGBImage {
    let (pixels, width, height) = try unpack(
      bytes, format: Int32(TJPF_RGBX.rawValue), channels: 4, maximumPixels: maximumPixels)
    guard let image = RGBImage(width: width, height: height, pixels: pixels) else {
      throw PictureError(description: "the image is too large: \(width) by \(height) pixels")
    }
    return image
  }

  /// Decodes the luminance alone, in rows without gaps.
  public static func decodeGrey(_ bytes: [UInt8]) throws(PictureError) -> (
    pixels: [UInt8], width: Int, height: Int
  ) {
    try unpack(
      bytes, format: Int32(TJPF_GRAY.rawValue), channels: 1, maximumPixels: RGBImage.maximumPixels)
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

  /// - Parameter rowBytes: bytes from one row to the next.
  public static func encode(
    grey bytes: [UInt8], width: Int, height: Int, rowBytes: Int, quality: Int = 95
  ) throws(PictureError) -> [UInt8] {
    guard width > 0, height > 0, width <= RGBImage.maximumPixels,
      height <= RGBImage.maximumPixels / width, rowBytes >= width,
      bytes.count >= rowBytes * (height - 1) + width
    else { throw PictureError(description: "the frame has fewer bytes than its size needs") }
    return try pack { encoder, output, size in
      tjCompress2(
        encoder, bytes, Int32(width), Int32(rowBytes), Int32(height), Int32(TJPF_GRAY.rawValue), &output,
        &size, Int32(TJSAMP_GRAY.rawValue), Int32(quality), 0)
    }
  }

  /// Encodes packed Y U Y V, whose planes a JPEG stores without conversion.
  ///
  /// - Parameter rowBytes: bytes from one row to the next.
  public static func encode(
    yuyv bytes: [UInt8], width: Int, height: Int, rowBytes: Int, quality: Int = 95
  ) throws(PictureError) -> [UInt8] {
    guard width > 0, height > 0, width % 2 == 0, width <= RGBImage.maximumPixels,
      height <= RGBImage.maximumPixels / width, rowBytes >= width * 2,
      bytes.count >= rowBytes * (height - 1) + width * 2
    else { throw PictureError(description: "the frame has fewer bytes than its size needs") }
    let half = width / 2
    var y = [UInt8](repeating: 0, count: width * height)
    var u = [UInt8](repeating: 0, count: half * height)
    var v = u
    for row in 0..<height {
      for pair in 0..<half {
        let source = row * rowBytes + pair * 4
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
