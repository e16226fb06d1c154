import Sandbox

/// A request to decode a picture, with the reader of its answer.
package struct PictureRequest: Sendable {
  package struct Pixels: Sendable {
    package var bytes: [UInt8]
    package var width: Int
    package var height: Int
    /// Size of the whole picture, of which these may be fewer pixels.
    package var fullWidth: Int
    package var fullHeight: Int
  }

  let colours: PictureColours
  private let maximumPixels: Int
  private let resolution: PictureResolution

  package init(_ colours: PictureColours, _ maximumPixels: Int, _ resolution: PictureResolution) {
    self.colours = colours
    self.maximumPixels = maximumPixels
    self.resolution = resolution
  }

  /// Limit of pixels, scale as the bits of a number, side.
  var body: [UInt8] {
    var writer = SandboxWriter()
    writer.put(UInt64(maximumPixels))
    writer.put(resolution.scale.bitPattern)
    writer.put(UInt64(clamping: resolution.side))
    return writer.bytes
  }

  /// Reads the body of a request.
  static func limits(_ body: [UInt8]) -> (pixels: Int, resolution: PictureResolution)? {
    var reader = SandboxReader(body)
    guard let pixels = reader.read(UInt64.self).flatMap({ Int(exactly: $0) }),
      let scale = reader.read(UInt64.self).map({ Double(bitPattern: $0) }),
      let side = reader.read(UInt64.self).flatMap({ Int(exactly: $0) }), reader.isAtEnd
    else { return nil }
    return (pixels, PictureResolution(scale: scale, side: side))
  }

  /// Copies the pixels of an answer.
  ///
  /// - Throws: `answerInvalid` when size, length and limit do not fit together.
  package func pixels(
    _ message: SandboxMessage, _ memory: UnsafeRawBufferPointer
  ) throws(SandboxError) -> Pixels {
    var reader = SandboxReader(message.body)
    guard let width = reader.read(UInt32.self).map({ Int($0) }),
      let height = reader.read(UInt32.self).map({ Int($0) }),
      let fullWidth = reader.read(UInt32.self).map({ Int($0) }),
      let fullHeight = reader.read(UInt32.self).map({ Int($0) }), reader.isAtEnd, width > 0, height > 0,
      fullWidth >= width, fullHeight >= height, fullWidth <= maximumPixels,
      fullHeight <= maximumPixels / fullWidth, message.parts.count == 1,
      message.parts[0].count == width * height * colours.channels, message.parts[0].upperBound <= memory.count
    else {
      throw SandboxError(.answerInvalid, "the process that decodes pictures gave an impossible size")
    }
    let source = UnsafeRawBufferPointer(rebasing: memory[message.parts[0]])
    let bytes = [UInt8](unsafeUninitializedCapacity: source.count) { buffer, count in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
      count = source.count
    }
    return Pixels(
      bytes: bytes, width: width, height: height, fullWidth: fullWidth, fullHeight: fullHeight)
  }

  /// Makes the picture of an answer; see `pixels`.
  package func image(
    _ message: SandboxMessage, _ memory: UnsafeRawBufferPointer
  ) throws(SandboxError) -> ReducedImage {
    let pixels = try pixels(message, memory)
    guard let image = RGBImage(width: pixels.width, height: pixels.height, pixels: pixels.bytes) else {
      throw SandboxError(.answerInvalid, "the process that decodes pictures gave an impossible size")
    }
    return ReducedImage(image, width: pixels.fullWidth, height: pixels.fullHeight)
  }
}
