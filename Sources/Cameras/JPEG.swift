import CTurboJPEG

/// Why a picture can't be read or made.
public struct JPEGFault: Error, Sendable, CustomStringConvertible {
  public var description: String
}

/// JPEG through libjpeg-turbo.
public enum JPEG {
  /// More is no camera's picture, but a bomb.
  static let maximumPixels = 64 << 20

  private static func header(
    _ decoder: tjhandle, _ bytes: [UInt8]
  ) throws(JPEGFault) -> (width: Int, height: Int) {
    var (width, height, sampling, space): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    guard
      tjDecompressHeader3(decoder, bytes, UInt(bytes.count), &width, &height, &sampling, &space) == 0,
      width > 0, height > 0
    else { throw JPEGFault(description: "the picture is no JPEG: \(message(decoder))") }
    guard Int(width) * Int(height) <= maximumPixels else {
      throw JPEGFault(description: "the picture is too large: \(width) by \(height) pixels")
    }
    return (Int(width), Int(height))
  }

  private static func message(_ handle: tjhandle) -> String {
    tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
  }

  private static func decode(
    _ bytes: [UInt8], format: Int32, channels: Int
  ) throws(JPEGFault) -> (pixels: [UInt8], width: Int, height: Int) {
    guard let decoder = tjInitDecompress() else {
      throw JPEGFault(description: "no memory to read a picture")
    }
    defer { tjDestroy(decoder) }
    let (width, height) = try header(decoder, bytes)
    var pixels = [UInt8](repeating: 0, count: width * height * channels)
    let result = tjDecompress2(
      decoder, bytes, UInt(bytes.count), &pixels, Int32(width), 0, Int32(height), format, 0)
    // A warning (a cut-off picture) leaves what could be read.
    guard result == 0 || tjGetErrorCode(decoder) == Int32(TJERR_WARNING.rawValue) else {
      throw JPEGFault(description: "the picture can't be read: \(message(decoder))")
    }
    return (pixels, width, height)
  }

  /// Brightness alone.
  static func decodeGrey(_ frame: CameraFrame) throws(JPEGFault) -> CameraFrame {
    let (pixels, width, height) = try decode(frame.bytes, format: Int32(TJPF_GRAY.rawValue), channels: 1)
    var grey = frame
    (grey.format, grey.width, grey.height, grey.stride, grey.bytes) = (.grey, width, height, width, pixels)
    return grey
  }

  /// Red, green and blue, 8 bits each, rows without gaps.
  public static func decodeRGB(_ bytes: [UInt8]) throws(JPEGFault) -> (
    pixels: [UInt8], width: Int, height: Int
  ) {
    try decode(bytes, format: Int32(TJPF_RGB.rawValue), channels: 3)
  }

  /// - Parameter quality: 1 to 100.
  /// - Returns: the frame's own bytes when it is a JPEG already.
  public static func encode(_ frame: CameraFrame, quality: Int = 95) throws(JPEGFault) -> [UInt8] {
    if frame.format == .mjpeg { return frame.bytes }
    let rowBytes = frame.width * (frame.format == .yuyv ? 2 : 1)
    guard frame.width > 0, frame.height > 0, frame.width * frame.height <= maximumPixels,
      frame.stride >= rowBytes, frame.bytes.count >= frame.stride * (frame.height - 1) + rowBytes,
      frame.format != .yuyv || frame.width % 2 == 0
    else { throw JPEGFault(description: "the frame has fewer bytes than its size needs") }
    guard let encoder = tjInitCompress() else { throw JPEGFault(description: "no memory to write a picture") }
    defer { tjDestroy(encoder) }
    var output: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    defer { if let output { tjFree(output) } }
    let result: Int32
    switch frame.format {
    case .grey:
      result = tjCompress2(
        encoder, frame.bytes, Int32(frame.width), Int32(frame.stride), Int32(frame.height),
        Int32(TJPF_GRAY.rawValue), &output, &size, Int32(TJSAMP_GRAY.rawValue), Int32(quality), 0)
    case .yuyv:
      let planes = Self.planes(frame)
      result = planes.y.withUnsafeBufferPointer { y in
        planes.u.withUnsafeBufferPointer { u in
          planes.v.withUnsafeBufferPointer { v in
            var sources: [UnsafePointer<UInt8>?] = [y.baseAddress, u.baseAddress, v.baseAddress]
            return tjCompressFromYUVPlanes(
              encoder, &sources, Int32(frame.width), nil, Int32(frame.height), Int32(TJSAMP_422.rawValue),
              &output, &size, Int32(quality), 0)
          }
        }
      }
    case .mjpeg: return frame.bytes
    }
    guard result == 0, let output else {
      throw JPEGFault(description: "the frame can't be made a JPEG: \(message(encoder))")
    }
    return Array(UnsafeBufferPointer(start: output, count: Int(size)))
  }

  /// The packed pixels as three planes.
  private static func planes(_ frame: CameraFrame) -> (y: [UInt8], u: [UInt8], v: [UInt8]) {
    let half = frame.width / 2
    var y = [UInt8](repeating: 0, count: frame.width * frame.height)
    var u = [UInt8](repeating: 0, count: half * frame.height)
    var v = u
    for row in 0..<frame.height {
      for pair in 0..<half {
        let source = row * frame.stride + pair * 4
        y[row * frame.width + 2 * pair] = frame.bytes[source]
        y[row * frame.width + 2 * pair + 1] = frame.bytes[source + 2]
        u[row * half + pair] = frame.bytes[source + 1]
        v[row * half + pair] = frame.bytes[source + 3]
      }
    }
    return (y, u, v)
  }
}
