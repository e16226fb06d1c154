public import Cryptography
import Diagnostics
import Foundation

/// Ed25519 public keys (RFC 8032) whose signatures on models are accepted, each 32 bytes in base64.
public struct TrustedKeys: Sendable, Equatable {
  public var keys: Set<String>

  public init(_ keys: Set<String> = []) { self.keys = keys }

  public static func isKey(_ text: String) -> Bool { Data(base64Encoded: text)?.count == 32 }
}

/// A signature of a manifest's bytes; the manifest contains the digests of all files.
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

  public init(signing manifest: [UInt8], with key: Ed25519.PrivateKey) throws {
    self.key = Data(key.publicKey.rawRepresentation).base64EncodedString()
    signature = Data(try key.signature(for: manifest))
  }

  static func of(_ bytes: [UInt8], by key: Ed25519.PrivateKey) throws(RegistryError) -> ModelSignature {
    do { return try ModelSignature(signing: bytes, with: key) } catch {
      throw RegistryError(.keyUnusable, "the signing key cannot be used: \(error.reason)")
    }
  }

  public var text: String { "ed25519 \(key) \(signature.base64EncodedString())\n" }

  public func isValid(for manifest: [UInt8]) -> Bool {
    guard let raw = Data(base64Encoded: key),
      let key = try? Ed25519.PublicKey(rawRepresentation: Array(raw))
    else { return false }
    return key.isValidSignature(Array(signature), for: manifest)
  }
}
