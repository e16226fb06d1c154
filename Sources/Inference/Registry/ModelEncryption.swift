import Cryptography
import Diagnostics
import Foundation

/// Encryption of a model's files at rest with AES-256-GCM (NIST SP 800-38D).
///
/// Each file consists of a nonce (12 bytes), the contents and a tag (16 bytes). Model name, version and file name are
/// authenticated, so files cannot be exchanged.
public struct ModelKey: Sendable {
  private let key: AuthenticatedEncryption

  /// - Parameter bytes: the key, 32 bytes.
  public init?(_ bytes: [UInt8]) {
    guard let key = AuthenticatedEncryption(key: bytes) else { return nil }
    self.key = key
  }

  /// Loads a key.
  ///
  /// - Parameter file: a file with 32 bytes or their base64; a name without a slash is a systemd credential
  ///   (`LoadCredential=`, systemd.exec(5)).
  public static func load(_ file: String, environment: [String: String]) throws(RegistryError) -> ModelKey {
    var path = file
    if !file.contains("/") {
      guard let folder = environment["CREDENTIALS_DIRECTORY"] else {
        throw RegistryError(
          .keyUnusable,
          "the model key '\(file)' is a credential, but systemd passed none; set LoadCredential=\(file):PATH in the unit, or use a path"
        )
      }
      path = folder + "/" + file
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RegistryError(
        .keyUnusable, "the model key \(path) cannot be read: \(readingProblem(path)); check 'models: key'")
    }
    // systemd guards the folder of credentials.
    if file.contains("/") { try SigningKey.checkAccess(path) }
    if let key = ModelKey(Array(data)) { return key }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard let raw = Data(base64Encoded: text), let key = ModelKey(Array(raw)) else {
      throw RegistryError(
        .keyUnusable,
        "\(path) is not a model key; it must contain 32 bytes or their base64 (openssl rand -base64 32)")
    }
    return key
  }

  private func context(_ manifest: ModelManifest, _ file: String) -> [UInt8] {
    Array("\(manifest.name)\u{0}\(manifest.version)\u{0}\(file)".utf8)
  }

  func seal(_ bytes: [UInt8], _ manifest: ModelManifest, file: String) throws(RegistryError) -> [UInt8] {
    do { return try key.seal(bytes, context: context(manifest, file)) } catch {
      throw RegistryError(.writeFailed, "'\(file)' cannot be encrypted: \(error.reason)")
    }
  }

  func open(_ bytes: [UInt8], _ manifest: ModelManifest, file: String) throws(RegistryError) -> [UInt8] {
    do { return try key.open(bytes, context: context(manifest, file)) } catch {
      throw RegistryError(
        .keyUnusable,
        "'\(file)' of \(manifest.name) \(manifest.version) does not open with this key; check 'models: key'")
    }
  }
}
