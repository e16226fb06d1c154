/// Pictures in files, identified by their first bytes.
public enum Picture {
  /// Decodes JPEG and PNG.
  ///
  /// - Parameter maximumPixels: width times height, at most; checked in the header before anything is decoded.
  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) throws(PictureError) -> RGBImage {
    if bytes.starts(with: [0xff, 0xd8]) { return try JPEG.decode(bytes, maximumPixels: maximumPixels) }
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      return try PNG.decode(bytes, maximumPixels: maximumPixels)
    }
    throw PictureError(description: "the image is neither JPEG nor PNG; convert it to one of them")
  }
}
