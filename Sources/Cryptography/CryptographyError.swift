public import Diagnostics

/// An operation of libcrypto that failed, or bytes that were not sealed or signed with the key.
public enum CryptographyError: CodedError, Equatable {
  /// The named operation failed inside libcrypto: no memory, or an algorithm that the system's policy forbids.
  case failed(String)
  /// The bytes were altered, or another key sealed them.
  case notAuthentic

  public var code: String {
    switch self {
    case .failed: "cryptography-failed"
    case .notAuthentic: "cryptography-not-authentic"
    }
  }

  public var description: String {
    switch self {
    case .failed(let operation):
      "\(operation) failed in libcrypto; check the memory and the system's cryptographic policy"
    case .notAuthentic: "the bytes were altered or sealed with another key; use the key that sealed them"
    }
  }
}
