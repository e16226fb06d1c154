/// Pictures in files, identified by their first bytes.
public enum Picture {
  /// Decodes JPEG and PNG, upright as EXIF says.
  ///
  /// - Parameter maximumPixels: width times height, at most; checked in the header before anything is decoded.
  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) throws(PictureError) -> RGBImage {
    try decode(bytes, maximumPixels: maximumPixels, resolution: .full).image
  }

  /// Decodes JPEG and PNG at the lowest resolution that is enough. A JPEG with EXIF's orientation comes upright.
  ///
  /// - Parameters:
  ///   - maximumPixels: width times height of the whole picture, at most.
  ///   - resolution: what the readers of the picture need; a PNG is always decoded whole.
  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels, resolution: PictureResolution
  ) throws(PictureError) -> ReducedImage {
    if bytes.starts(with: [0xff, 0xd8]) {
      return try JPEG.decode(bytes, maximumPixels: maximumPixels, resolution: resolution)
        .upright(JPEGHeader(bytes).orientation)
    }
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      return ReducedImage(try PNG.decode(bytes, maximumPixels: maximumPixels))
    }
    throw PictureError(description: "the image is neither JPEG nor PNG; convert it to one of them")
  }
}
