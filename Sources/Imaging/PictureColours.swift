/// What is decoded of a picture.
public enum PictureColours: UInt32, Sendable {
  /// Red, green, blue and one unused byte a pixel.
  case colour = 1
  /// The luminance, one byte a pixel.
  case grey = 2

  var channels: Int { self == .colour ? 4 : 1 }
}
