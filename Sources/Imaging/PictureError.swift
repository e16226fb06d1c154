public import Diagnostics

/// An image can't be decoded or encoded.
public struct PictureError: CodedError, Sendable {
  public var description: String
  public var code: String { "picture-invalid" }

  public init(description: String) { self.description = description }
}
