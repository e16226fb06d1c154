/// Why a picture can't be read or made.
public struct PictureFault: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(description: String) { self.description = description }
}

/// Pictures in files, by their first bytes.
public enum Picture {
  /// Reads JPEG and PNG.
  ///
  /// - Parameter maximumPixels: of width by height; the headers are looked at before anything is unpacked.
  public static func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) throws(PictureFault) -> RGBImage {
    if bytes.starts(with: [0xff, 0xd8]) { return try JPEG.decode(bytes, maximumPixels: maximumPixels) }
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]) {
      return try PNG.decode(bytes, maximumPixels: maximumPixels)
    }
    throw PictureFault(description: "the picture is neither JPEG nor PNG")
  }
}
