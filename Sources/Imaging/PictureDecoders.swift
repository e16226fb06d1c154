/// The decoders of foreign pictures, apart so that a client's pictures do not delay a camera's.
public struct PictureDecoders: Sendable {
  /// Frames of attached cameras and of sessions.
  public var cameras: PictureDecoder
  /// Pictures that clients send.
  public var uploads: PictureDecoder

  public init(cameras: PictureDecoder, uploads: PictureDecoder) {
    self.cameras = cameras
    self.uploads = uploads
  }

  /// Decodes in this process.
  public static let inThisProcess = PictureDecoders(cameras: .inThisProcess, uploads: .inThisProcess)
}
