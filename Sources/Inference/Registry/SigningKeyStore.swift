public import Cryptography
import Diagnostics
import Foundation
import Glibc

/// The user's signing key and the revocation list, in the bridge's state folder.
///
/// A changed file is read at the next check, so that a rotation or a revocation applies to a running bridge.
public struct SigningKeyStore: Sendable, Equatable {
  /// The key: 32 bytes in base64, readable by the owner only.
  public var file: String

  public init(file: String) { self.file = file }

  /// The key that a rotation puts into force; it remains when the rotation was interrupted.
  var nextFile: String { file + ".next" }

  var revocationFile: String {
    URL(fileURLWithPath: file).deletingLastPathComponent().path + "/" + RevocationList.fileName
  }

  /// Returns the key that signs; makes one at the first use.
  public func signingKey() throws(RegistryError) -> Ed25519.PrivateKey {
    let file = FileManager.default.fileExists(atPath: nextFile) ? nextFile : file
    let key = try SigningKey.loadOrMake(file: file)
    try SigningKey.checkAccess(file)
    return key
  }

  /// The public keys of the user: one, or two during a rotation.
  public var publicKeys: Set<String> { TrustCache.process.contents(of: self).publicKeys }

  /// The files that decide on trust.
  var files: [String] { [file, nextFile, revocationFile] }

  /// Reads keys and revocations, whatever was read before.
  func readContents() -> TrustCache.Contents {
    let keys = Set([file, nextFile].compactMap { current($0) })
    do throws(RegistryError) {
      return TrustCache.Contents(publicKeys: keys, revocations: .success(try readRevocations(keys)))
    } catch { return TrustCache.Contents(publicKeys: keys, revocations: .failure(error)) }
  }

  /// Runs a change of keys or revocations while no other process makes one.
  func exclusively<Result>(
    _ change: () throws(RegistryError) -> Result
  ) throws(RegistryError) -> Result {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let lock = FolderLock(folder.path, patience: .seconds(10))
    guard lock.isHeld else {
      throw RegistryError(
        .keyUnusable,
        "the keys in \(folder.path) are locked by another process or cannot be reached; repeat the command when the other one has ended"
      )
    }
    defer { lock.release() }
    return try change()
  }

  /// The public key of a file; nil without a usable one. Others may have replaced a key that they can write.
  func current(_ file: String) -> String? {
    guard FileManager.default.fileExists(atPath: file), (try? SigningKey.checkAccess(file)) != nil else {
      return nil
    }
    return (try? SigningKey.load(file: file)).map(SigningKey.publicText)
  }

  /// Refuses keys that other users can read or write.
  func checkAccess() throws(RegistryError) {
    for file in [file, nextFile] where FileManager.default.fileExists(atPath: file) {
      try SigningKey.checkAccess(file)
    }
  }

  /// Changes when a file of the store changes.
  var stamp: String { FileStamp(files).text }

  // MARK: revocations

  /// Returns the revocation list; an empty one without a file.
  ///
  /// - Throws: when the list was not signed by the user's key: without it, nothing is known to be unrevoked.
  public func revocations() throws(RegistryError) -> RevocationList {
    try TrustCache.process.contents(of: self).revocations.get()
  }

  private func readRevocations(_ publicKeys: Set<String>) throws(RegistryError) -> RevocationList {
    // A list that exists and cannot be reached is not an empty one: `read` throws.
    var info = stat()
    if lstat(revocationFile, &info) != 0, errno == ENOENT { return RevocationList() }
    let (list, signer) = try RevocationList.read(revocationFile)
    guard publicKeys.contains(signer) else {
      try checkAccess()
      throw RegistryError(
        .revocationsInvalid,
        "the revocation list \(revocationFile) is signed by \(signer), which is not your key, so no model is opened; restore your key, or remove the list and revoke its entries again"
      )
    }
    return list
  }

  /// Adds entries to the list and signs it; within `exclusively`.
  func revoke(_ entries: [RevocationList.Entry], signedWith key: Ed25519.PrivateKey) throws(RegistryError) {
    var list = try readContents().revocations.get()
    for entry in entries where !list.contains(entry.kind, entry.value) { list.entries.append(entry) }
    guard list.entries.count <= RevocationList.maximumCount else {
      throw RegistryError(
        .revocationsInvalid, "a revocation list has at most \(RevocationList.maximumCount) entries")
    }
    try SigningKey.write(try list.text(signedWith: key), to: revocationFile)
  }

  /// Makes the next key, or returns the one of an interrupted rotation.
  func nextKey() throws(RegistryError) -> Ed25519.PrivateKey {
    let key = try SigningKey.loadOrMake(file: nextFile)
    try SigningKey.checkAccess(nextFile)
    return key
  }

  /// Replaces the key by the next one.
  func replaceKey() throws(RegistryError) {
    guard rename(nextFile, file) == 0 else {
      throw RegistryError(
        .writeFailed, "\(file) cannot be replaced: \(String(cString: strerror(errno))); rotate the key again")
    }
  }
}
