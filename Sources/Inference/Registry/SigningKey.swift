public import Cryptography
import Foundation

/// The user's key, which signs added models. It is created on first use.
public enum SigningKey {
  /// - Parameter file: 32 bytes in base64, readable by the owner only.
  public static func load(file: String) throws(RegistryError) -> Ed25519.PrivateKey {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw RegistryError(
        .keyUnusable, "the signing key \(file) cannot be read; 'vrbridge models key' creates it")
    }
    guard let raw = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)),
      let key = try? Ed25519.PrivateKey(rawRepresentation: Array(raw))
    else {
      throw RegistryError(.keyUnusable, "\(file) is not a signing key; it must contain 32 bytes in base64")
    }
    return key
  }

  /// The public key as it appears among trusted keys.
  public static func publicText(_ key: Ed25519.PrivateKey) -> String {
    Data(key.publicKey.rawRepresentation).base64EncodedString()
  }

  public static func loadOrMake(file: String) throws(RegistryError) -> Ed25519.PrivateKey {
    if FileManager.default.fileExists(atPath: file) { return try load(file: file) }
    let key: Ed25519.PrivateKey
    do { key = try Ed25519.PrivateKey() } catch {
      throw RegistryError(.keyUnusable, "no signing key can be created: \(error)")
    }
    try write(Data(key.rawRepresentation).base64EncodedString() + "\n", to: file)
    return key
  }

  /// Refuses a key that other users can read or write.
  static func checkAccess(_ file: String) throws(RegistryError) {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue, mode & 0o066 != 0 else {
      return
    }
    throw RegistryError(
      .keyUnusable,
      "other users can read or write the key \(file); run: chmod 600 '\(file)', and replace the key if others may have read it"
    )
  }

  /// Writes a file that only its owner may read. A reader finds the old contents or the new ones.
  static func write(_ text: String, to file: String) throws(RegistryError) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let unfinished = "\(file).\(ProcessInfo.processInfo.processIdentifier)"
    guard
      FileManager.default.createFile(
        atPath: unfinished, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]),
      rename(unfinished, file) == 0
    else { throw RegistryError(.writeFailed, "\(file) cannot be written; check the folder's permissions") }
  }
}
