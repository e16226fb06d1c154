import Imaging
import Sensing
import Spatial

/// How the bytes of a frame are pixels.
public enum PixelFormat: String, Sendable, CaseIterable {
  /// One JPEG picture.
  case mjpeg
  /// 4:2:2, packed Y U Y V, 16 bits a pixel.
  case yuyv
  /// Red, green, blue, 8 bits each.
  case rgb
  /// 8 bits of brightness a pixel.
  case grey

  /// Of a picture that is not compressed; 0 for JPEG.
  var bytesPerPixel: Int {
    switch self {
    case .mjpeg: 0
    case .yuyv: 2
    case .rgb: 3
    case .grey: 1
    }
  }

  /// V4L2's four letters, the first in the lowest byte.
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

/// One picture of a camera.
public struct CameraFrame: Sendable {
  public var camera: String
  public var format: PixelFormat
  public var width: Int
  public var height: Int
  /// Bytes from one row to the next; 0 for JPEG.
  public var stride: Int
  public var bytes: [UInt8]
  /// When its light was gathered, CLOCK_MONOTONIC, as the driver says; the arrival where it does not.
  public var captured: Timestamp
  public var received: Timestamp
  /// The driver's count: gaps are frames that the camera or the kernel dropped.
  public var sequence: UInt32
  /// Where the head was at `captured`; nil when no head is tracked.
  public var worldFromHead: Pose?

  public init(
    camera: String, format: PixelFormat, width: Int, height: Int, stride: Int, bytes: [UInt8],
    captured: Timestamp, received: Timestamp, sequence: UInt32 = 0, worldFromHead: Pose? = nil
  ) {
    self.camera = camera
    self.format = format
    self.width = width
    self.height = height
    self.stride = stride
    self.bytes = bytes
    self.captured = captured
    self.received = received
    self.sequence = sequence
    self.worldFromHead = worldFromHead
  }

  /// Left and right picture of a stereo camera that sends them side by side, as brightness or colour.
  ///
  /// - Throws: for JPEG that can't be read.
  public func halves() throws(PictureFault) -> (left: CameraFrame, right: CameraFrame) {
    var source = self
    if format == .mjpeg {
      let (pixels, width, height) = try JPEG.decodeGrey(bytes)
      (source.format, source.bytes) = (.grey, pixels)
      (source.width, source.height, source.stride) = (width, height, width)
    }
    let pixel = source.format.bytesPerPixel
    // A driver may give less than a whole frame.
    guard source.width > 0, source.height > 0, source.stride >= source.width * pixel,
      source.bytes.count >= source.stride * (source.height - 1) + source.width * pixel
    else { throw PictureFault(description: "the frame has fewer bytes than its size needs") }
    // A pair of YUYV pixels shares its colour and is not torn apart.
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

  /// The frame as a JPEG: its own bytes when it is one already.
  ///
  /// - Parameter quality: 1 to 100.
  public func jpeg(quality: Int = 95) throws(PictureFault) -> [UInt8] {
    switch format {
    case .mjpeg: bytes
    case .grey:
      try JPEG.encode(grey: bytes, width: width, height: height, rowBytes: stride, quality: quality)
    case .rgb: try JPEG.encode(image(), quality: quality)
    case .yuyv:
      try JPEG.encode(yuyv: bytes, width: width, height: height, rowBytes: stride, quality: quality)
    }
  }

  /// The frame in colours.
  public func image() throws(PictureFault) -> RGBImage {
    let image: RGBImage?
    switch format {
    case .mjpeg: return try Picture.decode(bytes)
    case .grey: image = RGBImage(grey: bytes, width: width, height: height, rowBytes: stride)
    case .rgb: image = RGBImage(rgb: bytes, width: width, height: height, rowBytes: stride)
    case .yuyv: image = RGBImage(yuyv: bytes, width: width, height: height, rowBytes: stride)
    }
    guard let image else { throw PictureFault(description: "the frame has fewer bytes than its size needs") }
    return image
  }
}
