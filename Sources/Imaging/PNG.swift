import CPNG

/// PNG through libpng's simplified interface.
public enum PNG {
  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) throws(PictureError) -> RGBImage {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    let pixels: [UInt8]? = bytes.withUnsafeBytes { raw in
      guard png_image_begin_read_from_memory(&image, raw.baseAddress, raw.count) != 0,
        image.width > 0, image.height > 0, Int(image.width) <= maximumPixels,
        Int(image.height) <= maximumPixels / Int(image.width)
      else { return nil }
      image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)
      // Without it libpng takes 16-bit samples without a gamma for linear light, and brightens them.
      image.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
      var pixels = [UInt8](repeating: 0, count: Int(image.width) * Int(image.height) * 4)
      let isRead = pixels.withUnsafeMutableBytes {
        png_image_finish_read(&image, nil, $0.baseAddress, Int32(image.width) * 4, nil) != 0
      }
      return isRead ? pixels : nil
    }
    guard var pixels else {
      if image.width > 0, image.height > 0, Int(image.width) * Int(image.height) > maximumPixels {
        throw PictureError(description: "the image is too large: \(image.width) by \(image.height) pixels")
      }
      throw PictureError(description: "the image is no readable PNG: \(message(image))")
    }
    flatten(&pixels)
    guard let result = RGBImage(width: Int(image.width), height: Int(image.height), pixels: pixels) else {
      throw PictureError(description: "the image is too large")
    }
    return result
  }

  /// Blends transparent pixels with white, as a page shows them.
  private static func flatten(_ pixels: inout [UInt8]) {
    for index in stride(from: 0, to: pixels.count, by: 4) where pixels[index + 3] != 255 {
      let alpha = Int(pixels[index + 3])
      for channel in 0..<3 {
        pixels[index + channel] = UInt8(
          (Int(pixels[index + channel]) * alpha + 255 * (255 - alpha) + 127) / 255)
      }
      pixels[index + 3] = 255
    }
  }

  public static func encode(_ picture: RGBImage) throws(PictureError) -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    image.width = png_uint_32(picture.width)
    image.height = png_uint_32(picture.height)
    image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    defer { png_image_free(&image) }
    var rows: [UInt8] = []
    rows.reserveCapacity(picture.width * picture.height * 3)
    for index in stride(from: 0, to: picture.pixels.count, by: 4) {
      rows += picture.pixels[index..<(index + 3)]
    }
    var size = png_alloc_size_t(0)
    guard png_image_write_to_memory(&image, nil, &size, 0, rows, 0, nil) != 0 else {
      throw PictureError(description: "the image can't be encoded as PNG: \(message(image))")
    }
    var output = [UInt8](repeating: 0, count: Int(size))
    guard png_image_write_to_memory(&image, &output, &size, 0, rows, 0, nil) != 0 else {
      throw PictureError(description: "the image can't be encoded as PNG: \(message(image))")
    }
    return Array(output.prefix(Int(size)))
  }

  private static func message(_ image: png_image) -> String {
    withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
