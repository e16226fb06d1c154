import Diagnostics

/// A cause for which speech cannot be recognised: a missing library or model, or a failure while decoding.
public struct SpeechError: CodedError {
  public let code: String
  public let description: String

  /// - Parameters:
  ///   - description: the input, the cause and the remedy.
  ///   - code: of the cause.
  public init(_ description: String, code: String = "speech-failed") {
    self.description = description
    self.code = code
  }
}
