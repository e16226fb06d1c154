import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) by OpenSSL's libcrypto.
///
/// A sealed box is 12 bytes of random nonce, the encrypted bytes, and 16 bytes of tag.
public struct AuthenticatedEncryption: Sendable {
  static let nonceLength = 12
  static let tagLength = 16

  private let key: [UInt8]

  /// - Parameter key: 32 bytes; nil for another number.
  public init?(key: [UInt8]) {
    guard key.count == 32 else { return nil }
    self.key = key
  }

  /// Returns the sealed box.
  ///
  /// - Parameter context: bytes that are authenticated but not encrypted.
  public func seal(_ bytes: [UInt8], context: [UInt8]) throws(CryptographyError) -> [UInt8] {
    var nonce = [UInt8](repeating: 0, count: Self.nonceLength)
    guard RAND_bytes(&nonce, Int32(nonce.count)) == 1 else { throw .failed("random bytes") }
    return try seal(bytes, context: context, nonce: nonce)
  }

  /// A nonce is used once for each key; known answers in tests give their own.
  func seal(_ bytes: [UInt8], context: [UInt8], nonce: [UInt8]) throws(CryptographyError) -> [UInt8] {
    guard nonce.count == Self.nonceLength, bytes.count < Int(Int32.max), context.count < Int(Int32.max) else {
      throw .failed("encryption of \(bytes.count) bytes")
    }
    let cipher = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(cipher) }
    var written: Int32 = 0
    var sealed = [UInt8](repeating: 0, count: bytes.count)
    var tag = [UInt8](repeating: 0, count: Self.tagLength)
    guard EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_EncryptUpdate(cipher, nil, &written, context, Int32(context.count)) == 1,
      EVP_EncryptUpdate(cipher, &sealed, &written, bytes, Int32(bytes.count)) == 1,
      EVP_EncryptFinal_ex(cipher, &tag, &written) == 1,
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
    else { throw .failed("encryption of \(bytes.count) bytes") }
    return nonce + sealed + tag
  }

  /// Returns the bytes of a sealed box; throws when the box or the context was altered, or another key sealed it.
  public func open(_ box: [UInt8], context: [UInt8]) throws(CryptographyError) -> [UInt8] {
    let length = box.count - Self.nonceLength - Self.tagLength
    guard length >= 0, length < Int(Int32.max), context.count < Int(Int32.max) else { throw .notAuthentic }
    let nonce = Array(box.prefix(Self.nonceLength))
    let sealed = Array(box[Self.nonceLength..<Self.nonceLength + length])
    var tag = Array(box.suffix(Self.tagLength))
    let cipher = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(cipher) }
    var written: Int32 = 0
    var bytes = [UInt8](repeating: 0, count: length)
    var rest = [UInt8](repeating: 0, count: Self.tagLength)
    guard EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_DecryptUpdate(cipher, nil, &written, context, Int32(context.count)) == 1,
      EVP_DecryptUpdate(cipher, &bytes, &written, sealed, Int32(length)) == 1,
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1
    else { throw .failed("decryption of \(length) bytes") }
    guard EVP_DecryptFinal_ex(cipher, &rest, &written) == 1 else { throw .notAuthentic }
    return bytes
  }
}
