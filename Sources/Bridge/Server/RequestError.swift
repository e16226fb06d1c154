import SwiftProtobuf
import BridgeProtocol
import Diagnostics

/// Why a request was refused: the protocol's class of error, a stable code and a message.
struct RequestError: CodedError {
  /// How a client should react.
  var category: Vrbridge_V1_ErrorCode
  var code: String
  var description: String

  init(_ category: Vrbridge_V1_ErrorCode, _ code: String, _ description: String) {
    self.category = category
    self.code = code
    self.description = description
  }

  init(_ category: Vrbridge_V1_ErrorCode, _ error: some CodedError) {
    self.init(category, error.code, error.description)
  }

  /// - Parameter fallback: the code for an error without one.
  init(_ category: Vrbridge_V1_ErrorCode, wrapping error: any Error, code fallback: String) {
    self.init(category, (error as? any CodedError)?.code ?? fallback, error.reason)
  }

  /// The error as the protocol carries it.
  ///
  /// - Parameter isFatal: whether the connection is closed after it.
  func encoded(isFatal: Bool = false) -> Vrbridge_V1_Error {
    .with {
      $0.code = category
      $0.message = description
      $0.fatal = isFatal
      $0.cause = code
    }
  }

  static let tooManyQuestions = RequestError(
    .tooOften, "speech-queue-full", "too many questions wait for an answer; send the request again later")
}
