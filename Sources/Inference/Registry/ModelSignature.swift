import Crypto
import Foundation

/// Who may vouch for models: Ed25519 public keys (RFC 8032), 32 bytes in base64.
public struct TrustedKeys: Sendable, Equatable {
  public var keys: Set<String>

  public init(_ keys: Set<String> = []) { self.keys = keys }

  public static func isKey(_ text: String) -> Bool { Data(base64Encoded: text)?.count == 32 }
}

/// A signature over the bytes of a manifest, which names the digests of all files.
///
/// `manifest.sig`: the word `ed25519`, the public key and the signature in base64, on one line.
public struct ModelSignature: Sendable, Equatable {
  public static let fileName = "manifest.sig"

  public var key: String
  var signature: Data

  public init?(text: String) {
    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
    guard words.count == 3, words[0] == "ed25519", TrustedKeys.isKey(words[1]),
      let signature = Data(base64Encoded: words[2]), signature.count == 64
    else { return nil }
    key = words[1]
    self.signature = signature
  }

  public init(signing manifest: [UInt8], with key: Curve25519.Signing.PrivateKey) throws {
    self.key = key.publicKey.rawRepresentation.base64EncodedString()
    signature = try key.signature(for: Data(manifest))
  }

  public var text: String { "ed25519 \(key) \(signature.base64EncodedString())\n" }

  public func isValid(for manifest: [UInt8]) -> Bool {
    guard let raw = Data(base64Encoded: key),
      let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw)
    else { return false }
    return key.isValidSignature(signature, for: Data(manifest))
  }
}

/// The key with which this user signs what they add; made when it is first needed.
public enum SigningKey {
  /// - Parameter file: 32 bytes in base64, readable by its owner only.
  public static func load(file: String) throws(RegistryError) -> Curve25519.Signing.PrivateKey {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw RegistryError("the signing key \(file) can't be read")
    }
    guard let raw = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)),
      let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: raw)
    else { throw RegistryError("\(file) is no signing key: it must hold 32 bytes in base64") }
    return key
  }

  /// As it is written among trusted keys.
  public static func publicText(_ key: Curve25519.Signing.PrivateKey) -> String {
    key.publicKey.rawRepresentation.base64EncodedString()
  }

  public static func loadOrMake(file: String) throws(RegistryError) -> Curve25519.Signing.PrivateKey {
    if FileManager.default.fileExists(atPath: file) { return try load(file: file) }
    let key = Curve25519.Signing.PrivateKey()
    try SecretFile.write(key.rawRepresentation.base64EncodedString() + "\n", to: file)
    return key
  }
}

/// Files that only their owner may read.
enum SecretFile {
  static func write(_ text: String, to file: String) throws(RegistryError) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    guard
      FileManager.default.createFile(
        atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { throw RegistryError("\(file) can't be written") }
  }
}

/// Why the registry can't do what it was asked.
public struct RegistryError: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}
