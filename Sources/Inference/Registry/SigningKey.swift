public import Cryptography
import Diagnostics
import Foundation
import Glibc

/// The user's key, which signs added models. It is created on first use.
public enum SigningKey {
  /// - Parameter file: 32 bytes in base64, readable by the owner only.
  public static func load(file: String) throws(RegistryError) -> Ed25519.PrivateKey {
    let text: String
    do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
      let remedy =
        FileManager.default.fileExists(atPath: file)
        ? "check its owner and its mode, or restore it from a backup" : "'vrbridge models key' creates it"
      throw RegistryError(.keyUnusable, "the signing key \(file) cannot be read: \(error.reason); \(remedy)")
    }
    guard let raw = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)),
      let key = try? Ed25519.PrivateKey(rawRepresentation: Array(raw))
    else {
      throw RegistryError(
        .keyUnusable,
        "\(file) is not a signing key: it must contain 32 bytes in base64; restore it from a backup, or remove it and sign your models again"
      )
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
      throw RegistryError(.keyUnusable, "no signing key can be created: \(error.reason)")
    }
    let text = Data(key.rawRepresentation).base64EncodedString() + "\n"
    // Another process may have made a key meanwhile, which signed something already.
    return try write(text, to: file, replaces: false) ? key : try load(file: file)
  }

  /// Refuses a key that other users can read or write, and one that cannot be examined.
  static func checkAccess(_ file: String) throws(RegistryError) {
    var info = stat()
    guard stat(file, &info) == 0 else {
      let problem = String(cString: strerror(errno))
      throw RegistryError(
        .keyUnusable, "the key \(file) cannot be examined: \(problem); check the folder's permissions")
    }
    switch SecretAccess(mode: info.st_mode, owner: info.st_uid, reader: geteuid()) {
    case nil: return
    case .exposed:
      let mode = info.st_uid == 0 && geteuid() != 0 ? "640" : "600"
      throw RegistryError(
        .keyUnusable,
        "other users can read or write the key \(file); run: chmod \(mode) '\(file)', and replace the key if others may have read it"
      )
    case .foreign:
      throw RegistryError(
        .keyUnusable,
        "the key \(file) belongs to user \(info.st_uid), who can change it; give it to the bridge's user with chown, and replace the key if others may have read it"
      )
    }
  }

  /// Writes a file that only its owner may read. A reader finds the old contents or the new ones.
  ///
  /// - Returns: false when the file exists and must not be replaced.
  @discardableResult
  static func write(
    _ text: String, to file: String, replaces: Bool = true
  ) throws(RegistryError) -> Bool {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let unfinished = "\(file).\(UInt64.random(in: 0 ... .max))"
    // O_EXCL: a file or a link that stands there belongs to somebody else.
    let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw unwritable(file, errno) }
    do {
      let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
      try handle.write(contentsOf: Data(text.utf8))
      // A power cut must not leave an empty key after the rename.
      try handle.synchronize()
      try handle.close()
    } catch {
      unlink(unfinished)
      throw RegistryError(.writeFailed, "\(file) cannot be written: \(error.reason)")
    }
    if replaces, rename(unfinished, file) == 0 { return true }
    let code = replaces || link(unfinished, file) != 0 ? errno : 0
    unlink(unfinished)
    guard code == 0 || (!replaces && code == EEXIST) else { throw unwritable(file, code) }
    return code == 0
  }

  private static func unwritable(_ file: String, _ code: Int32) -> RegistryError {
    RegistryError(
      .writeFailed,
      "\(file) cannot be written: \(String(cString: strerror(code))); check the folder's permissions")
  }
}
