import COpenSSL

/// Ed25519 signatures (RFC 8032) by OpenSSL's libcrypto. Keys are 32 bytes, signatures 64.
public enum Ed25519 {
  /// A key that signs.
  public struct PrivateKey: Sendable {
    /// The seed of RFC 8032.
    public let rawRepresentation: [UInt8]
    public let publicKey: PublicKey

    /// Makes a new key from the system's random bytes.
    public init() throws(CryptographyError) {
      var seed = [UInt8](repeating: 0, count: 32)
      guard RAND_priv_bytes(&seed, 32) == 1 else { throw .failed("random bytes for a key") }
      try self.init(rawRepresentation: seed)
    }

    /// - Parameter rawRepresentation: the 32 bytes of the seed.
    public init(rawRepresentation seed: [UInt8]) throws(CryptographyError) {
      guard seed.count == 32 else { throw .failed("reading a key of \(seed.count) bytes") }
      let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
      defer { EVP_PKEY_free(key) }
      var bytes = [UInt8](repeating: 0, count: 32)
      var length = bytes.count
      guard EVP_PKEY_get_raw_public_key(key, &bytes, &length) == 1, length == 32 else {
        throw .failed("reading a private key")
      }
      rawRepresentation = seed
      publicKey = try PublicKey(rawRepresentation: bytes)
    }

    /// Returns the 64 bytes of the signature of a message.
    public func signature(for message: [UInt8]) throws(CryptographyError) -> [UInt8] {
      let key = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nil, rawRepresentation, rawRepresentation.count)
      let context = EVP_MD_CTX_new()
      defer {
        EVP_MD_CTX_free(context)
        EVP_PKEY_free(key)
      }
      var signature = [UInt8](repeating: 0, count: 64)
      var length = signature.count
      guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
        EVP_DigestSign(context, &signature, &length, message, message.count) == 1, length == 64
      else { throw .failed("signing \(message.count) bytes") }
      return signature
    }
  }

  /// A key that verifies signatures.
  public struct PublicKey: Sendable, Equatable {
    public let rawRepresentation: [UInt8]

    /// - Parameter rawRepresentation: 32 bytes.
    public init(rawRepresentation: [UInt8]) throws(CryptographyError) {
      guard rawRepresentation.count == 32 else {
        throw .failed("reading a key of \(rawRepresentation.count) bytes")
      }
      self.rawRepresentation = rawRepresentation
    }

    public func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
      let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, rawRepresentation, rawRepresentation.count)
      let context = EVP_MD_CTX_new()
      defer {
        EVP_MD_CTX_free(context)
        EVP_PKEY_free(key)
      }
      return signature.count == 64 && EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
        && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
  }
}
