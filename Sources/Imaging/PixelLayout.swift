import CSampler

/// The layout of uncompressed pixels in memory.
public struct PixelLayout: Sendable, Hashable {
  public enum Format: String, Sendable, CaseIterable {
    /// Red, green, blue, 8 bits each.
    case rgb
    /// 4:2:0: rows of luma, then half as many rows with U and V alternating (ITU-R BT.601, limited range).
    case nv12
    /// 8 bits of luminance per pixel.
    case grey
    /// 4:2:2, packed Y U Y V, 16 bits per pixel (ITU-R BT.601, limited range, which USB cameras send).
    case yuyv

    /// Bytes per pixel of a row.
    public var bytesPerPixel: Int {
      switch self {
      case .rgb: 3
      case .yuyv: 2
      case .nv12, .grey: 1
      }
    }

    /// Whether pixels share their chroma with a neighbour: in a row, and between rows.
    var sharesChroma: (columns: Bool, rows: Bool) { (self == .yuyv || self == .nv12, self == .nv12) }

    fileprivate var code: sampler_format {
      switch self {
      case .rgb: SAMPLER_RGB
      case .nv12: SAMPLER_NV12
      case .grey: SAMPLER_GREY
      case .yuyv: SAMPLER_YUYV
      }
    }
  }

  public let format: Format
  /// Pixels.
  public let width: Int
  public let height: Int
  /// Bytes from one row to the next.
  public let stride: Int

  /// Width and height, at most.
  public static let maximumSide = 16_384

  /// - Parameter stride: bytes from one row to the next; nil for rows without gaps.
  /// - Throws: `PictureError` for dimensions that no picture has.
  public init(_ format: Format, width: Int, height: Int, stride: Int? = nil) throws(PictureError) {
    guard (1...Self.maximumSide).contains(width), (1...Self.maximumSide).contains(height),
      width * height <= RGBImage.maximumPixels
    else {
      throw PictureError(
        description:
          "a picture of \(width) by \(height) pixels is not accepted; both must be 1 to \(Self.maximumSide), the product at most \(RGBImage.maximumPixels)"
      )
    }
    let (columns, rows) = format.sharesChroma
    guard !columns || width % 2 == 0, !rows || height % 2 == 0 else {
      throw PictureError(
        description:
          "pixels of \(format.rawValue) share their colour with a neighbour, so \(rows ? "width and height" : "the width") must be even, not \(width) by \(height)"
      )
    }
    let least = width * format.bytesPerPixel
    let stride = stride ?? least
    guard stride >= least, stride <= 4 * least + 4096 else {
      throw PictureError(
        description:
          "a stride of \(stride) bytes does not fit rows of \(width) \(format.rawValue) pixels; \(least) or little more"
      )
    }
    self.format = format
    self.width = width
    self.height = height
    self.stride = stride
  }

  /// Rows of bytes in all planes.
  public var rows: Int { format == .nv12 ? height + height / 2 : height }

  /// Bytes of a picture: all rows with the gaps behind them.
  public var size: Int { rows * stride }

  /// Bytes of a picture without the gap behind its last row, which drivers leave out.
  public var leastSize: Int { (rows - 1) * stride + width * format.bytesPerPixel }
}

extension RGBImage {
  /// Converts uncompressed pixels.
  ///
  /// The bytes are read once and decide nothing but colours, so they may change meanwhile.
  ///
  /// - Throws: `PictureError` for fewer bytes than the layout needs.
  public init(_ layout: PixelLayout, _ bytes: UnsafeRawBufferPointer) throws(PictureError) {
    guard bytes.count >= layout.leastSize, let base = bytes.bindMemory(to: UInt8.self).baseAddress else {
      throw PictureError(description: "the frame has fewer bytes than its size needs")
    }
    let (width, height, stride) = (layout.width, layout.height, layout.stride)
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 4) { output, count in
      UnsafeMutableRawBufferPointer(output).withMemoryRebound(to: UInt32.self) { output in
        guard let target = output.baseAddress else { return }
        for row in 0..<height {
          sampler_convert(
            layout.format.code, base + row * stride,
            layout.format == .nv12 ? base + (height + row / 2) * stride : base, target + row * width, width)
        }
      }
      count = width * height * 4
    }
    guard let image = RGBImage(width: width, height: height, pixels: pixels) else {
      throw PictureError(description: "the frame is too large: \(width) by \(height) pixels")
    }
    self = image
  }
}
