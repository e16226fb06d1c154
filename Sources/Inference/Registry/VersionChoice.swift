public import Cryptography
import Diagnostics
import Foundation

/// The version of a model that serves requests: the pinned one or the newest, and a canary for a share of the requests.
///
/// The file `selection.json` beside the versions, signed by the key of the user who chose.
public struct VersionChoice: Sendable, Equatable {
  public struct Canary: Codable, Sendable, Equatable {
    public var version: String
    /// 0 to 1.
    public var share: Double
  }

  public var pinned: String?
  public var canary: Canary?
  /// Versions that served before, the latest last; `rollback` returns to them.
  public var earlier: [String] = []
  /// Why the stored choice is not used; no version serves then, because an older one could be a downgrade.
  public var refusal: RegistryError?

  public init() {}

  public static let fileName = "selection.json"

  /// - Parameter draw: a random number from 0 to 1 for the request.
  public func version(among versions: [String], draw: Double) -> String? {
    guard refusal == nil else { return nil }
    if let canary, versions.contains(canary.version), draw < canary.share { return canary.version }
    if let pinned { return versions.contains(pinned) ? pinned : nil }
    // The canary serves its share only, even when it is the newest.
    return versions.last { $0 != canary?.version } ?? versions.last
  }
}

/// The stored form of a choice.
private struct ChoiceFile: Codable {
  var pinned: String?
  var canary: VersionChoice.Canary?
  var earlier: [String]?
  /// As in `manifest.sig`; covers `signedText`.
  var signature: String?

  /// What the signature covers: a function of the model's name and the values, so that neither can be exchanged.
  func signedText(of name: String) -> [UInt8] {
    var lines = ["vrbridge selection 1", "model \(name)"]
    if let pinned { lines.append("pinned \(pinned)") }
    if let canary { lines.append("canary \(canary.version) \(canary.share)") }
    for version in earlier ?? [] { lines.append("earlier \(version)") }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  var isWellFormed: Bool {
    ([pinned, canary?.version].compactMap { $0 } + (earlier ?? [])).allSatisfy(ModelManifest.isName)
  }
}

extension ModelRegistry {
  public func choice(of name: String) -> VersionChoice {
    var choice = VersionChoice()
    do throws(RegistryError) {
      guard let (file, signer) = try storedChoice(of: name) else { return choice }
      if let problem = problem(ofKey: signer, try revocations()) {
        throw RegistryError(
          .selectionUntrusted,
          "the selection of \(name) is \(problem.description); choose again: vrbridge models pin \(name) VERSION"
        )
      }
      choice.pinned = file.pinned
      choice.canary = file.canary
      choice.earlier = file.earlier ?? []
    } catch {
      choice.refusal = error
    }
    return choice
  }

  /// Returns a choice with a valid signature and its signer; nil without a file.
  private func storedChoice(
    of name: String
  ) throws(RegistryError) -> (file: ChoiceFile, signer: String)? {
    let path = "\(folder)/\(name)/\(VersionChoice.fileName)"
    guard ModelManifest.isName(name), FileManager.default.fileExists(atPath: path) else { return nil }
    guard let data = FileManager.default.contents(atPath: path), data.count <= 65_536,
      let file = try? JSONDecoder().decode(ChoiceFile.self, from: data), file.isWellFormed
    else {
      throw RegistryError(
        .selectionUntrusted,
        "\(path) is not a selection of a version; choose again: vrbridge models pin \(name) VERSION")
    }
    guard let signature = file.signature.flatMap(ModelSignature.init(text:)),
      signature.isValid(for: file.signedText(of: name))
    else {
      throw RegistryError(
        .selectionUntrusted,
        "\(path) has no valid signature, so no version is used; choose again: vrbridge models pin \(name) VERSION"
      )
    }
    return (file, signature.key)
  }

  /// Returns the version that serves requests.
  public func versionInForce(of name: String) throws(RegistryError) -> String {
    let choice = choice(of: name)
    if let refusal = choice.refusal { throw refusal }
    guard let version = choice.version(among: versions(of: name), draw: 1) else {
      throw RegistryError(
        .notFound, "the model '\(name)' is not in \(folder); get it with: vrbridge models pull \(name)")
    }
    return version
  }

  /// Signs a choice of one key with another; other choices stay as they are.
  func signChoice(
    of name: String, from old: String, with key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    guard let (file, signer) = try? storedChoice(of: name), signer == old else { return }
    try save(file, of: name, key)
  }

  /// - Parameter version: nil for the newest at any time.
  public func pin(
    _ name: String, _ version: String?, canaryShare: Double? = nil, signedWith key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    let versions = versions(of: name)
    if let version, !versions.contains(version) {
      throw RegistryError(
        .notFound,
        "the model '\(name)' has no version \(version); available: \(versions.isEmpty ? "none" : versions.joined(separator: ", "))"
      )
    }
    guard !versions.isEmpty else {
      throw RegistryError(.notFound, "the model '\(name)' is not in \(folder)")
    }
    var choice = choice(of: name)
    // A refused choice is replaced, not extended.
    if choice.refusal != nil { choice = VersionChoice() }
    if let canaryShare {
      guard let version else {
        throw RegistryError(
          .notFound, "a share of the requests needs a version, not the newest at any time; name it")
      }
      choice.canary =
        canaryShare > 0 ? VersionChoice.Canary(version: version, share: min(canaryShare, 1)) : nil
    } else {
      let inForce = choice.version(among: versions, draw: 1)
      if let inForce, inForce != version { choice.earlier = Array((choice.earlier + [inForce]).suffix(16)) }
      choice.pinned = version
      // All requests get this version: a trial of another one ends.
      choice.canary = nil
    }
    try save(choice, of: name, key)
  }

  /// Returns to the version that served before.
  ///
  /// - Returns: the version that serves now.
  public func rollBack(
    _ name: String, signedWith key: Ed25519.PrivateKey
  ) throws(RegistryError) -> String {
    let versions = versions(of: name)
    var choice = choice(of: name)
    if let refusal = choice.refusal { throw refusal }
    var back: String?
    while back == nil, let candidate = choice.earlier.popLast() {
      if versions.contains(candidate) { back = candidate }
    }
    if back == nil, let inForce = choice.version(among: versions, draw: 1),
      let index = versions.firstIndex(of: inForce), index > 0
    {
      back = versions[index - 1]
    }
    guard let back else { throw RegistryError(.notFound, "the model '\(name)' has no earlier version") }
    choice.pinned = back
    choice.canary = nil
    try save(choice, of: name, key)
    return back
  }

  private func save(
    _ choice: VersionChoice, of name: String, _ key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    try save(
      ChoiceFile(pinned: choice.pinned, canary: choice.canary, earlier: choice.earlier), of: name, key)
  }

  private func save(
    _ choice: ChoiceFile, of name: String, _ key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    var file = choice
    let signature = try ModelSignature.of(file.signedText(of: name), by: key)
    file.signature = signature.text.trimmingCharacters(in: .newlines)
    let path = "\(folder)/\(name)/\(VersionChoice.fileName)"
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      try encoder.encode(file).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw RegistryError(.writeFailed, "\(path) cannot be written: \(error.reason)")
    }
  }
}
