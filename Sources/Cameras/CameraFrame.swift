import Imaging
import Sensing
import Spatial

/// Pixel formats of frames.
public enum PixelFormat: String, Sendable, CaseIterable {
  /// One JPEG image.
  case mjpeg
  /// 4:2:2, packed Y U Y V, 16 bits per pixel.
  case yuyv
  /// 4:2:0: luma, then U and V alternating, 12 bits per pixel.
  case nv12
  /// Red, green, blue, 8 bits each.
  case rgb
  /// 8 bits of luminance per pixel.
  case grey

  public init(_ format: PixelLayout.Format) {
    self =
      switch format {
      case .rgb: .rgb
      case .nv12: .nv12
      case .grey: .grey
      case .yuyv: .yuyv
      }
  }

  /// The layout's format; nil for JPEG.
  var uncompressed: PixelLayout.Format? {
    switch self {
    case .mjpeg: nil
    case .yuyv: .yuyv
    case .nv12: .nv12
    case .rgb: .rgb
    case .grey: .grey
    }
  }

  /// The V4L2 code: four letters, the first in the lowest byte.
  var fourCC: UInt32 {
    let letters: [UInt8] =
      switch self {
      case .mjpeg: Array("MJPG".utf8)
      case .yuyv: Array("YUYV".utf8)
      case .nv12: Array("NV12".utf8)
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

/// The bytes of a frame.
public enum FrameStorage: Sendable {
  case bytes([UInt8])
  /// Uncompressed pixels in memory of a client, which may change them at any time.
  case shared(SharedFrameSlot)

  /// - Parameter body: receives the bytes; of shared memory it may read each only once to decide on anything but colours.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch self {
    case .bytes(let bytes):
      // Typed errors do not pass through the array's own function.
      let result = bytes.withUnsafeBytes { buffer -> Swift.Result<Result, Failure> in
        do throws(Failure) { return .success(try body(buffer)) } catch { return .failure(error) }
      }
      return try result.get()
    case .shared(let slot): return try slot.withBytes(body)
    }
  }
}

/// The bytes of an image with their layout.
public struct PixelData: Sendable {
  public var format: PixelFormat
  public var width: Int
  public var height: Int
  /// Bytes per row; 0 for JPEG.
  public var stride: Int
  public var storage: FrameStorage

  public init(format: PixelFormat, width: Int, height: Int, stride: Int, bytes: [UInt8]) {
    self.format = format
    self.width = width
    self.height = height
    self.stride = stride
    storage = .bytes(bytes)
  }

  /// Uncompressed pixels.
  public init(_ layout: PixelLayout, _ storage: FrameStorage) {
    format = PixelFormat(layout.format)
    (width, height, stride) = (layout.width, layout.height, layout.stride)
    self.storage = storage
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
  public var storage: FrameStorage
  /// Time of exposure as reported by the driver, or else the time of arrival (CLOCK_MONOTONIC).
  public var captured: Timestamp
  public var received: Timestamp
  /// The driver's frame count. Gaps are frames dropped by the camera or the kernel.
  public var sequence: UInt32
  /// The head's pose at `captured`; nil when no head is tracked.
  public var worldFromHead: Pose?
  /// A client sent the frame.
  public internal(set) var isFromClient = false

  public init(
    camera: String, pixels: PixelData, captured: Timestamp, received: Timestamp, sequence: UInt32 = 0,
    worldFromHead: Pose? = nil
  ) {
    self.camera = camera
    (format, width, height) = (pixels.format, pixels.width, pixels.height)
    (stride, storage) = (pixels.stride, pixels.storage)
    self.captured = captured
    self.received = received
    self.sequence = sequence
    self.worldFromHead = worldFromHead
  }

  /// The layout of uncompressed pixels.
  ///
  /// - Throws: `PictureError` for a JPEG, and for dimensions that no picture has.
  private func layout() throws(PictureError) -> PixelLayout {
    guard let format = format.uncompressed else {
      throw PictureError(description: "a JPEG frame has no rows")
    }
    return try PixelLayout(format, width: width, height: height, stride: stride)
  }

  /// Splits a side-by-side stereo frame. JPEG frames become grey.
  ///
  /// - Parameter decoder: decodes JPEG; the calling thread waits for it.
  /// - Throws: `PictureError` for a damaged JPEG or a truncated frame.
  public func halves(
    using decoder: PictureDecoder = .inThisProcess
  ) throws(PictureError) -> (left: CameraFrame, right: CameraFrame) {
    var source = self
    if format == .mjpeg {
      guard case .bytes(let bytes) = storage else { throw .sharedJPEG }
      let (pixels, width, height) = try decoder.decodeGreyAndWait(bytes)
      (source.format, source.storage) = (.grey, .bytes(pixels))
      (source.width, source.height, source.stride) = (width, height, width)
    }
    let layout = try source.layout()
    // Neighbours that share their chroma stay together.
    let half = layout.format == .grey || layout.format == .rgb ? layout.width / 2 : layout.width / 4 * 2
    guard half > 0 else { throw PictureError(description: "the frame is too narrow for two images") }
    let pixel = layout.format.bytesPerPixel
    let halfLayout = try PixelLayout(layout.format, width: half, height: layout.height)
    func cut(_ from: Int, _ suffix: String) throws(PictureError) -> CameraFrame {
      var frame = source
      frame.camera = camera + suffix
      frame.width = half
      frame.stride = halfLayout.stride
      // A driver may deliver less than a whole frame.
      frame.storage = .bytes(
        try source.storage.withBytes { (bytes) throws(PictureError) in
          guard bytes.count >= layout.leastSize else {
            throw PictureError(description: "the frame has fewer bytes than its size needs")
          }
          return (0..<layout.rows).flatMap { row in
            let start = row * layout.stride + from * pixel
            return bytes[start..<(start + half * pixel)]
          }
        })
      return frame
    }
    return (try cut(0, "-left"), try cut(half, "-right"))
  }

  /// The frame as JPEG; a JPEG frame is returned unchanged.
  ///
  /// - Parameter quality: 1 to 100.
  public func jpeg(quality: Int = 95) throws(PictureError) -> [UInt8] {
    switch format {
    case .mjpeg:
      guard case .bytes(let bytes) = storage else { throw .sharedJPEG }
      return bytes
    case .grey:
      let layout = try layout()
      return try storage.withBytes { (bytes) throws(PictureError) in
        try JPEG.encode(grey: bytes, layout, quality: quality)
      }
    case .yuyv:
      let layout = try layout()
      return try storage.withBytes { (bytes) throws(PictureError) in
        try JPEG.encode(yuyv: bytes, layout, quality: quality)
      }
    case .rgb, .nv12: return try JPEG.encode(image(), quality: quality)
    }
  }

  /// The frame as RGB.
  public func image() throws(PictureError) -> RGBImage { try image(.full).image }

  /// The frame as RGB at the lowest resolution that is enough; uncompressed frames keep theirs.
  ///
  /// - Parameter resolution: what the reader of the picture needs.
  public func image(_ resolution: PictureResolution) throws(PictureError) -> ReducedImage {
    guard format == .mjpeg else {
      let layout = try layout()
      return ReducedImage(
        try storage.withBytes { (bytes) throws(PictureError) in try RGBImage(layout, bytes) })
    }
    guard case .bytes(let bytes) = storage else { throw .sharedJPEG }
    return try Picture.decode(bytes, resolution: resolution)
  }

  /// The frame as RGB, as `image` makes it.
  ///
  /// - Parameter decoder: decodes JPEG.
  public func image(
    _ resolution: PictureResolution, using decoder: PictureDecoder
  ) async throws(PictureError) -> ReducedImage {
    guard format == .mjpeg, case .bytes(let bytes) = storage else { return try image(resolution) }
    return try await decoder.decode(bytes, resolution: resolution)
  }

  /// The frame as RGB; the calling thread waits for the decoder.
  func imageAndWait(using decoder: PictureDecoder) throws(PictureError) -> RGBImage {
    guard format == .mjpeg, case .bytes(let bytes) = storage else { return try image() }
    return try decoder.decodeAndWait(bytes)
  }
}

extension PictureError {
  /// A decoder reads bytes more than once, so they must not change meanwhile.
  fileprivate static let sharedJPEG = PictureError(
    description: "shared memory holds uncompressed pixels, no JPEG")
}
