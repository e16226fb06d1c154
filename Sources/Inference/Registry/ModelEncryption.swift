import Crypto
import Foundation

/// Encryption of a model's files at rest: AES-256-GCM (NIST SP 800-38D), one box a file: 12 bytes of nonce, the
/// contents, 16 bytes of tag. Name, version and file name are authenticated too, so that files can't be swapped.
public struct ModelKey: Sendable {
  private let key: SymmetricKey

  /// - Parameter bytes: 32 of them.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    key = SymmetricKey(data: bytes)
  }

  /// From a file with 32 bytes, or their base64. A name without a slash is a systemd credential
  /// (`LoadCredential=`, systemd.exec(5)).
  public static func load(_ place: String, environment: [String: String]) throws(RegistryError) -> ModelKey {
    var path = place
    if !place.contains("/") {
      guard let folder = environment["CREDENTIALS_DIRECTORY"] else {
        throw RegistryError(
          "the model key '\(place)' names a credential, and systemd gave none; use a path, or LoadCredential=\(place):FILE"
        )
      }
      path = folder + "/" + place
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RegistryError("the model key \(path) can't be read")
    }
    if let key = ModelKey(Array(data)) { return key }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard let raw = Data(base64Encoded: text), let key = ModelKey(Array(raw)) else {
      throw RegistryError(
        "\(path) is no model key: it must hold 32 bytes, or their base64 (openssl rand -base64 32)")
    }
    return key
  }

  private func context(_ manifest: ModelManifest, _ file: String) -> Data {
    Data("\(manifest.name)\u{0}\(manifest.version)\u{0}\(file)".utf8)
  }

  func seal(_ bytes: [UInt8], _ manifest: ModelManifest, file: String) throws(RegistryError) -> [UInt8] {
    do {
      let box = try AES.GCM.seal(bytes, using: key, authenticating: context(manifest, file))
      guard let combined = box.combined else { throw RegistryError("'\(file)' can't be encrypted") }
      return Array(combined)
    } catch {
      throw RegistryError("'\(file)' can't be encrypted")
    }
  }

  func open(_ bytes: [UInt8], _ manifest: ModelManifest, file: String) throws(RegistryError) -> [UInt8] {
    do {
      let box = try AES.GCM.SealedBox(combined: bytes)
      return Array(try AES.GCM.open(box, using: key, authenticating: context(manifest, file)))
    } catch {
      throw RegistryError("'\(file)' of \(manifest.name) \(manifest.version) does not open with this key")
    }
  }
}
