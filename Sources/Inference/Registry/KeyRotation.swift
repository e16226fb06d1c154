import Cryptography
import Foundation

/// The result of `ModelRegistry.rotateKey`.
public struct KeyRotation: Sendable {
  /// The new public key.
  public var key: String
  /// The key that was replaced and revoked; nil when there was none.
  public var revoked: String?
  /// Versions that the new key signed, as `NAME VERSION`.
  public var signed: [String] = []
  /// Why other versions of the old key were not signed again.
  public var problems: [String] = []
}

extension ModelRegistry {
  /// Replaces the user's key: signs all versions and selections of the old key with a new one, and revokes the old key.
  ///
  /// Each step leaves a usable registry, because both keys are trusted until the last one; a rotation that was
  /// interrupted is completed by the next call.
  public func rotateKey(reason: String = "replaced") throws(RegistryError) -> KeyRotation {
    let store = try keyStore()
    // Without access to the old key, nothing would be signed again and the old key would not be revoked.
    try store.checkAccess()
    let old = store.current(store.file)
    let next = try store.nextKey()
    var result = KeyRotation(key: SigningKey.publicText(next), revoked: old)
    if let old {
      for name in names {
        for version in versions(of: name) where isSigned(name, version, by: old) {
          do throws(RegistryError) {
            try sign(name, version, with: next)
            result.signed.append("\(name) \(version)")
          } catch {
            // A full disk must not revoke the key of models that are still usable.
            if error.kind == .writeFailed { throw error }
            result.problems.append(error.description)
          }
        }
        try signChoice(of: name, from: old, with: next)
      }
      try store.revoke([RevocationList.Entry(.key, old, reason: reason)], signedWith: next)
    }
    try store.replaceKey()
    return result
  }

  private func isSigned(_ name: String, _ version: String, by key: String) -> Bool {
    guard let (_, bytes) = try? readManifest(name, version),
      let data = FileManager.default.contents(atPath: path(name, version) + "/" + ModelSignature.fileName),
      let signature = ModelSignature(text: String(decoding: data.prefix(4096), as: UTF8.self))
    else { return false }
    return signature.key == key && signature.isValid(for: bytes)
  }
}
