public import Cryptography
import Foundation

/// Keys and models that are no longer trusted.
///
/// The file `revoked.list`: a header, one entry a line (kind, value, date, reason), and the signature of these lines in
/// the form of `manifest.sig`. docs/reference/model-format.md describes it.
public struct RevocationList: Sendable, Equatable {
  public enum Kind: String, Sendable {
    /// A public key in base64.
    case key
    /// The SHA-256 of a manifest or of one of a model's files.
    case model
  }

  public struct Entry: Sendable, Equatable {
    public var kind: Kind
    public var value: String
    /// Year, month, day.
    public var date: String
    public var reason: String

    /// - Parameter reason: one line; control characters and more than 200 characters are cut.
    public init(_ kind: Kind, _ value: String, reason: String = "", at time: Date = Date()) {
      self.kind = kind
      self.value = value
      date = time.formatted(.iso8601.year().month().day())
      self.reason = String(reason.filter { ModelManifest.isLabel(String($0)) }.prefix(200))
    }

    fileprivate init?(line: Substring) {
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
      guard words.count >= 3, let kind = Kind(rawValue: words[0]) else { return nil }
      self.kind = kind
      (value, date) = (words[1], words[2])
      reason = words.count > 3 ? words[3] : ""
      guard kind == .key ? TrustedKeys.isKey(value) : ModelManifest.isDigest(value), date.utf8.count == 10,
        date.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (48...57).contains($0) }),
        reason.isEmpty || ModelManifest.isLabel(reason)
      else { return nil }
    }

    fileprivate var line: String {
      "\(kind.rawValue) \(value) \(date)" + (reason.isEmpty ? "" : " \(reason)")
    }

    /// Date and reason, as messages show them.
    var explanation: String { date + (reason.isEmpty ? "" : " (\(reason))") }
  }

  public static let fileName = "revoked.list"
  static let maximumCount = 10_000
  private static let maximumSize = 4 << 20
  private static let header = "vrbridge revocations 1"

  public var entries: [Entry] = []

  public init() {}

  /// Parses a list and verifies its signature.
  ///
  /// - Returns: nil for another format or an invalid signature; else the list and its signer, whose trust the caller
  ///   decides.
  public static func parse(_ text: String) -> (list: RevocationList, signer: String)? {
    guard text.utf8.count <= maximumSize, text.hasSuffix("\n") else { return nil }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    guard lines.first == Substring(header), lines.count - 2 <= maximumCount, let last = lines.popLast(),
      let signature = ModelSignature(text: String(last))
    else { return nil }
    var list = RevocationList()
    for line in lines.dropFirst() {
      guard let entry = Entry(line: line) else { return nil }
      list.entries.append(entry)
    }
    guard signature.isValid(for: Array(list.body.utf8)) else { return nil }
    return (list, signature.key)
  }

  static func read(_ file: String) throws(RegistryError) -> (list: RevocationList, signer: String) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw RegistryError(
        .revocationsInvalid, "the revocation list \(file) cannot be read; check its permissions")
    }
    guard let found = parse(String(decoding: data, as: UTF8.self)) else {
      throw RegistryError(
        .revocationsInvalid,
        "\(file) is not a revocation list with a valid signature; restore it, or remove it and revoke its entries again"
      )
    }
    return found
  }

  /// The lines that the signature covers.
  private var body: String { ([Self.header] + entries.map(\.line)).joined(separator: "\n") + "\n" }

  public func text(signedWith key: Ed25519.PrivateKey) throws(RegistryError) -> String {
    body + (try ModelSignature.of(Array(body.utf8), by: key)).text
  }

  func contains(_ kind: Kind, _ value: String) -> Bool { entry(kind, value) != nil }

  func entry(_ kind: Kind, _ value: String) -> Entry? {
    entries.first { $0.kind == kind && $0.value == value }
  }

  /// Returns the entry that revokes a model, by its manifest or one of its files.
  func entry(of manifest: ModelManifest, digest: String) -> Entry? {
    let digests = Set([digest] + manifest.files.flatMap { [$0.digest, $0.plainDigest].compactMap { $0 } })
    return entries.first { $0.kind == .model && digests.contains($0.value) }
  }
}
