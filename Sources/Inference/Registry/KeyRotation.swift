import Cryptography
import Foundation
import Glibc

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
    return try store.exclusively { () throws(RegistryError) in try rotateKey(of: store, reason) }
  }

  private func rotateKey(
    of store: SigningKeyStore, _ reason: String
  ) throws(RegistryError) -> KeyRotation {
    // Without access to the old key, nothing would be signed again and the old key would not be revoked.
    try store.checkAccess()
    let old = store.current(store.file)
    // Before the first change: what can't be read now would lose its trust with the old key.
    let signed = try old.map { key throws(RegistryError) in try signatures(by: key) }
    let next = try store.nextKey()
    var result = KeyRotation(key: SigningKey.publicText(next), revoked: old)
    if let old, let signed {
      for (name, version) in signed.versions {
        do throws(RegistryError) {
          try sign(name, version, with: next)
          result.signed.append("\(name) \(version)")
        } catch {
          // A full disk must not revoke the key of models that are still usable.
          if error.kind == .writeFailed { throw error }
          result.problems.append(error.description)
        }
      }
      for name in signed.names { try signChoice(of: name, from: old, with: next) }
      try store.revoke([RevocationList.Entry(.key, old, reason: reason)], signedWith: next)
    }
    try store.replaceKey()
    return result
  }

  /// All models, and the versions that a key signed.
  ///
  /// - Throws: when a folder or a file that decides on this exists and can't be read.
  private func signatures(
    by key: String
  ) throws(RegistryError) -> (names: [String], versions: [(name: String, version: String)]) {
    var versions: [(name: String, version: String)] = []
    let names = try entries(in: folder).filter(ModelManifest.isName)
    for name in names {
      _ = try contents("\(folder)/\(name)/\(VersionChoice.fileName)")
      for version in try entries(in: "\(folder)/\(name)") where ModelManifest.isName(version) {
        let path = path(name, version)
        guard try contents("\(path)/\(ModelManifest.fileName)") != nil,
          let data = try contents("\(path)/\(ModelSignature.fileName)"),
          let signature = ModelSignature(text: String(decoding: data.prefix(4096), as: UTF8.self)),
          signature.key == key, let (_, bytes) = try? readManifest(name, version),
          signature.isValid(for: bytes)
        else { continue }
        versions.append((name, version))
      }
    }
    return (names, versions)
  }

  /// The names of folders in a folder, in order; none where there is no folder.
  private func entries(in folder: String) throws(RegistryError) -> [String] {
    if isMissing(folder) { return [] }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw unreadable(folder)
    }
    var folders: [String] = []
    for name in names.sorted() {
      var info = stat()
      if stat("\(folder)/\(name)", &info) == 0 {
        if info.st_mode & S_IFMT == S_IFDIR { folders.append(name) }
      } else if errno != ENOENT {
        // A link that leads nowhere is no folder.
        throw unreadable("\(folder)/\(name)")
      }
    }
    return folders
  }

  /// - Returns: nil where there is no file.
  private func contents(_ path: String) throws(RegistryError) -> Data? {
    if let data = FileManager.default.contents(atPath: path) { return data }
    guard isMissing(path) else { throw unreadable(path) }
    return nil
  }

  private func isMissing(_ path: String) -> Bool {
    var info = stat()
    return lstat(path, &info) != 0 && errno == ENOENT
  }

  private func unreadable(_ path: String) -> RegistryError {
    RegistryError(
      .unreadable,
      "\(path) cannot be read, so the models that your key signed are not known and the key stays; check the permissions, then rotate the key again"
    )
  }
}
