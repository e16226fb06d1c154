import COpenSSL

/// SHA-256 (FIPS 180-4) over bytes that come in parts, by OpenSSL's libcrypto.
public final class SHA256 {
  private let context: OpaquePointer?
  /// False once a call of libcrypto failed; `finalize` returns an empty digest then.
  private var isValid: Bool

  public init() {
    context = EVP_MD_CTX_new()
    isValid = EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
  }

  deinit { EVP_MD_CTX_free(context) }

  public func update(_ bytes: some Sequence<UInt8>) {
    let done: Void? = bytes.withContiguousStorageIfAvailable { add(UnsafeRawBufferPointer($0)) }
    if done == nil { Array(bytes).withUnsafeBytes { add($0) } }
  }

  private func add(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    isValid = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 && isValid
  }

  /// Returns the 32 bytes of the digest; the object takes no more bytes afterwards.
  public func finalize() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    guard isValid, EVP_DigestFinal_ex(context, &digest, &length) == 1, length == 32 else {
      isValid = false
      return []
    }
    isValid = false
    return digest
  }

  /// Returns the 32 bytes of the digest of some bytes.
  public static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    let hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }
}
