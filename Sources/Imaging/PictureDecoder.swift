public import Sandbox

/// Decodes foreign pictures in a confined process, or in this one.
///
/// The decoders of libjpeg-turbo and libpng are C code that reads what a stranger sends. In a confined process an error
/// there ends that process, and a picture that takes too long is an error.
public final class PictureDecoder: Sendable {
  private let process: SandboxProcess?

  /// - Parameter process: of the role `PictureRole.name`; nil for decoding in this process.
  public init(_ process: SandboxProcess?) { self.process = process }

  /// Decodes in this process, without a time limit.
  public static let inThisProcess = PictureDecoder(nil)

  /// Counts of the confined process; nil without one.
  public var counts: SandboxCounts? { process?.counts }

  /// Decodes JPEG and PNG.
  ///
  /// - Parameter maximumPixels: width times height, at most; checked in the header before anything is decoded.
  public func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels
  ) async throws(PictureError) -> RGBImage {
    try await decode(bytes, maximumPixels: maximumPixels, resolution: .full).image
  }

  /// Decodes JPEG and PNG at the lowest resolution that is enough; see `Picture.decode`.
  public func decode(
    _ bytes: [UInt8], maximumPixels: Int = RGBImage.maximumPixels, resolution: PictureResolution
  ) async throws(PictureError) -> ReducedImage {
    guard let process else {
      return try Picture.decode(bytes, maximumPixels: maximumPixels, resolution: resolution)
    }
    let request = PictureRequest(.colour, maximumPixels, resolution)
    do throws(SandboxError) {
      return try await process.call(
        request.colours.rawValue, body: request.body, parts: [bytes], read: request.image)
    } catch { throw PictureError(error) }
  }

  /// Time that a thread waits for a picture, with those before it.
  private static let patience = Duration.seconds(1)

  /// Decodes JPEG and PNG, and blocks the calling thread, a second at most.
  public func decodeAndWait(_ bytes: [UInt8]) throws(PictureError) -> RGBImage {
    guard let process else { return try Picture.decode(bytes) }
    let request = PictureRequest(.colour, RGBImage.maximumPixels, .full)
    do throws(SandboxError) {
      return try process.callAndWait(
        request.colours.rawValue, body: request.body, parts: [bytes], patience: Self.patience,
        read: request.image
      ).image
    } catch { throw PictureError(error) }
  }

  /// Decodes the luminance of a JPEG, in rows without gaps, and blocks the calling thread, a second at
  /// most.
  public func decodeGreyAndWait(_ bytes: [UInt8]) throws(PictureError) -> (
    pixels: [UInt8], width: Int, height: Int
  ) {
    guard let process else { return try JPEG.decodeGrey(bytes) }
    let request = PictureRequest(.grey, RGBImage.maximumPixels, .full)
    do throws(SandboxError) {
      let pixels = try process.callAndWait(
        request.colours.rawValue, body: request.body, parts: [bytes], patience: Self.patience,
        read: request.pixels)
      return (pixels.bytes, pixels.width, pixels.height)
    } catch { throw PictureError(error) }
  }
}

extension PictureError {
  init(_ error: SandboxError) {
    switch error.cause {
    // The text is that of the decoder.
    case .refused: self.init(.invalid, description: error.description)
    case .tooLarge: self.init(.invalid, description: "the image has too many bytes")
    case .timeout: self.init(.timeout, description: "the picture took too long to decode; send a simpler one")
    case .busy: self.init(.decoderBusy, description: "too many pictures wait to be decoded; try again later")
    case .unavailable, .unconfined, .restarting, .ended, .answerInvalid:
      self.init(.decoderFailed, description: "the picture can't be decoded: \(error.description)")
    }
  }
}
