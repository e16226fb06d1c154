/// The memory order of an image's planes in a tensor.
public enum PictureLayout: String, Sendable, CaseIterable {
  case nchw = "NCHW"
  case nhwc = "NHWC"
}

/// The conversion of image bytes to a model's input: (byte − mean) × scale, for each colour channel.
public struct PictureInput: Sendable, Hashable {
  public var layout = PictureLayout.nhwc
  /// The channel order is blue, green, red.
  public var isBGR = false
  public var mean: [Double] = [0, 0, 0]
  public var scale: [Double] = [1 / 255.0, 1 / 255.0, 1 / 255.0]

  public init(layout: PictureLayout = .nhwc, isBGR: Bool = false) {
    self.layout = layout
    self.isBGR = isBGR
  }
}
