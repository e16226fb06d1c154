import Imaging
import Sensing
import Spatial

/// Pixel formats of frames.
public enum PixelFormat: String, Sendable, CaseIterable {
  /// One JPEG image.
  case mjpeg
  /// 4:2:2, packed Y U Y V, 16 bits per pixel.
  case yuyv
  /// Red, green, blue, 8 bits each.
  case rgb
  /// 8 bits of luminance per pixel.
  case grey

  /// Bytes per pixel; 0 for JPEG.
  var bytesPerPixel: Int {
    switch self {
    case .mjpeg: 0
    case .yuyv: 2
    case .rgb: 3
    case .grey: 1
    }
  }

  /// The V4L2 code: four letters, the first in the lowest byte.
  var fourCC: UInt32 {
    let letters: [UInt8] =
      switch self {
      case .mjpeg: Array("MJPG".utf8)
      case .yuyv: Array("YUYV".utf8)
      case .rgb: Array("RGB3".utf8)
      case .grey: Array("GREY".utf8)
      }
    return letters.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  init?(fourCC: UInt32) {
    guard let format = Self.allCases.first(where: { $0.fourCC == fourCC }) else { return nil }
    self = format
  }
}

/// The bytes of an image with their layout.
public struct PixelData: Sendable {
  public var format: PixelFormat
  public var width: Int
  public var height: Int
  /// Bytes per row; 0 for JPEG.
  public var stride: Int
  public var bytes: [UInt8]

  public init(format: PixelFormat, width: Int, height: Int, stride: Int, bytes: [UInt8]) {
    self.format = format
    self.width = width
    self.height = height
    self.stride = stride
    self.bytes = bytes
  }

  /// A JPEG image, whose size is in its bytes.
  public init(jpeg bytes: [UInt8]) {
    self.init(format: .mjpeg, width: 0, height: 0, stride: 0, bytes: bytes)
  }
}

/// An image of a camera with its capture time.
public struct CameraFrame: Sendable {
  public var camera: String
  public var format: PixelFormat
  public var width: Int
  public var height: Int
  /// Bytes per row; 0 for JPEG.
  public var stride: Int
  public var bytes: [UInt8]
  /// Time of exposure as reported by the driver, or else the time of arrival (CLOCK_MONOTONIC).
  public var captured: Timestamp
  public var received: Timestamp
  /// The driver's frame count. Gaps are frames dropped by the camera or the kernel.
  public var sequence: UInt32
  /// The head's pose at `captured`; nil when no head is tracked.
  public var worldFromHead: Pose?

  public init(
    camera: String, pixels: PixelData, captured: Timestamp, received: Timestamp, sequence: UInt32 = 0,
    worldFromHead: Pose? = nil
  ) {
    self.camera = camera
    (format, width, height) = (pixels.format, pixels.width, pixels.height)
    (stride, bytes) = (pixels.stride, pixels.bytes)
    self.captured = captured
    self.received = received
    self.sequence = sequence
    self.worldFromHead = worldFromHead
  }

  /// Splits a side-by-side stereo frame. JPEG frames become grey.
  ///
  /// - Throws: `PictureError` for a damaged JPEG or a truncated frame.
  public func halves() throws(PictureError) -> (left: CameraFrame, right: CameraFrame) {
    var source = self
    if format == .mjpeg {
      let (pixels, width, height) = try JPEG.decodeGrey(bytes)
      (source.format, source.bytes) = (.grey, pixels)
      (source.width, source.height, source.stride) = (width, height, width)
    }
    let pixel = source.format.bytesPerPixel
    // A driver may deliver less than a whole frame.
    guard source.width > 0, source.height > 0, source.stride >= source.width * pixel,
      source.bytes.count >= source.stride * (source.height - 1) + source.width * pixel
    else { throw PictureError(description: "the frame has fewer bytes than its size needs") }
    // Two YUYV pixels share their chroma, so the cut is at an even column.
    let half = source.format == .yuyv ? source.width / 4 * 2 : source.width / 2
    func cut(_ from: Int, _ suffix: String) -> CameraFrame {
      var frame = source
      frame.camera = camera + suffix
      frame.width = half
      frame.stride = half * pixel
      frame.bytes = (0..<source.height).flatMap { row in
        let start = row * source.stride + from * pixel
        return source.bytes[start..<(start + half * pixel)]
      }
      return frame
    }
    return (cut(0, "-left"), cut(half, "-right"))
  }

  /// The frame as JPEG; a JPEG frame is returned unchanged.
  ///
  /// - Parameter quality: 1 to 100.
  public func jpeg(quality: Int = 95) throws(PictureError) -> [UInt8] {
    switch format {
    case .mjpeg: bytes
    case .grey:
      try JPEG.encode(grey: bytes, width: width, height: height, rowBytes: stride, quality: quality)
    case .rgb: try JPEG.encode(image(), quality: quality)
    case .yuyv:
      try JPEG.encode(yuyv: bytes, width: width, height: height, rowBytes: stride, quality: quality)
    }
  }

  /// The frame as RGB.
  public func image() throws(PictureError) -> RGBImage {
    let image: RGBImage?
    switch format {
    case .mjpeg: return try Picture.decode(bytes)
    case .grey: image = RGBImage(grey: bytes, width: width, height: height, rowBytes: stride)
    case .rgb: image = RGBImage(rgb: bytes, width: width, height: height, rowBytes: stride)
    case .yuyv: image = RGBImage(yuyv: bytes, width: width, height: height, rowBytes: stride)
    }
    guard let image else { throw PictureError(description: "the frame has fewer bytes than its size needs") }
    return image
  }
}
