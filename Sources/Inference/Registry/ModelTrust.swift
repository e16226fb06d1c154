import Cryptography
import Diagnostics
import Foundation

/// Which models may be opened: those signed by a trusted key and those of the catalogue, unless they are revoked.
extension ModelRegistry {
  /// The user's revocation list; empty without one.
  public func revocations() throws(RegistryError) -> RevocationList {
    guard let signingKeys else { return RevocationList() }
    return try signingKeys.revocations()
  }

  /// Changes when the user's keys or the revocation list change.
  public var trustStamp: String { signingKeys?.stamp ?? "" }

  /// Returns the reason why a key's signature is not accepted; nil when it is.
  func problem(ofKey key: String, _ revocations: RevocationList) -> RegistryError? {
    if let entry = revocations.entry(.key, key) {
      return RegistryError(.revoked, "signed by \(key), which was revoked on \(entry.explanation)")
    }
    guard trusted.keys.contains(key) || signingKeys?.publicKeys.contains(key) == true else {
      do throws(RegistryError) { try signingKeys?.checkAccess() } catch {
        return RegistryError(
          .keyUnusable, "signed by \(key), and your own key is not used: \(error.description)")
      }
      return RegistryError(
        .untrusted, "signed by \(key), which is neither your key nor among 'models: trusted_keys'")
    }
    return nil
  }

  func checkRevocation(_ manifest: ModelManifest, digest: String) throws(RegistryError) {
    guard let entry = try revocations().entry(of: manifest, digest: digest) else { return }
    throw RegistryError(
      .revoked,
      "the model \(manifest.name) \(manifest.version) was revoked on \(entry.explanation); use another version: vrbridge models pin \(manifest.name) VERSION"
    )
  }

  /// - Parameter bytes: the manifest as it is stored.
  func checkTrust(_ manifest: ModelManifest, _ bytes: [UInt8]) throws(RegistryError) {
    try checkRevocation(manifest, digest: Self.digest(bytes))
    guard let problem = try signatureProblem(manifest, bytes) else { return }
    let isCatalogued = catalog?.holds(manifest) { file throws(RegistryError) in
      try read(file, of: manifest)
    }
    if isCatalogued != true { throw problem }
  }

  private func signatureProblem(
    _ manifest: ModelManifest, _ bytes: [UInt8]
  ) throws(RegistryError) -> RegistryError? {
    let (name, version) = (manifest.name, manifest.version)
    // A model with a trusted signature does not need the catalogue, which takes its time to read.
    func isKnown() -> Bool { catalog?.entry(name, version) != nil }
    func remedy() -> String {
      isKnown()
        ? "it differs from the catalogue; fetch it again: vrbridge models pull \(name)"
        : "if you trust its files, sign them: vrbridge models sign \(name) --model-version \(version)"
    }
    let path = path(name, version) + "/" + ModelSignature.fileName
    guard let data = FileManager.default.contents(atPath: path) else {
      return RegistryError(.unsigned, "the model \(name) \(version) is not signed; \(remedy())")
    }
    guard let signature = ModelSignature(text: String(decoding: data.prefix(4096), as: UTF8.self)) else {
      return RegistryError(.invalidSignature, "\(path) is not a signature; \(remedy())")
    }
    guard signature.isValid(for: bytes) else {
      return RegistryError(
        .altered, "the manifest of \(name) \(version) was altered after it was signed; \(remedy())")
    }
    guard let problem = problem(ofKey: signature.key, try revocations()) else { return nil }
    let addition =
      problem.kind == .untrusted && !isKnown() ? ", or add its signer's key to 'models: trusted_keys'" : ""
    return RegistryError(
      problem.kind, "\(name) \(version) is \(problem.description); \(remedy())\(addition)")
  }

  // MARK: revoking

  /// Revokes a version: its manifest and its largest file, so that the same weights under another manifest are refused too.
  public func revoke(
    _ name: String, _ version: String, reason: String = ""
  ) throws(RegistryError) {
    let (manifest, bytes) = try readManifest(name, version)
    var digests = [Self.digest(bytes)]
    if let largest = manifest.files.max(by: { $0.size < $1.size }) {
      digests.append(largest.plainDigest ?? largest.digest)
    }
    try revoke(digests.map { RevocationList.Entry(.model, $0, reason: reason) })
  }

  public func revoke(key: String, reason: String = "") throws(RegistryError) {
    guard TrustedKeys.isKey(key) else {
      throw RegistryError(.keyUnusable, "'\(key)' is not a public key; a key is 32 bytes in base64")
    }
    try revoke([RevocationList.Entry(.key, key, reason: reason)])
  }

  /// Adds the entries of another machine's list, which a trusted key must have signed.
  ///
  /// - Returns: the number of entries in the list.
  public func importRevocations(_ file: String) throws(RegistryError) -> Int {
    let (list, signer) = try RevocationList.read(file)
    if let problem = problem(ofKey: signer, try revocations()) {
      throw RegistryError(
        problem.kind,
        "\(file) is \(problem.description); import it after you add the key, or revoke its entries one by one"
      )
    }
    try revoke(list.entries)
    return list.entries.count
  }

  private func revoke(_ entries: [RevocationList.Entry]) throws(RegistryError) {
    let store = try keyStore()
    try store.exclusively { () throws(RegistryError) in try revoke(entries, in: store) }
  }

  private func revoke(
    _ entries: [RevocationList.Entry], in store: SigningKeyStore
  ) throws(RegistryError) {
    let key = try store.signingKey()
    guard !entries.contains(where: { $0.kind == .key && store.publicKeys.contains($0.value) }) else {
      throw RegistryError(
        .keyUnusable,
        "your own key would be revoked; replace it, which revokes the old one: vrbridge models key --rotate")
    }
    try store.revoke(entries, signedWith: key)
  }

  /// The state of what decides which version serves; nil where a further change could not be told from the last one.
  ///
  /// - Parameter versions: those that are known.
  func selectionStamp(of name: String, _ versions: [String]) -> String? {
    let paths =
      ["\(folder)/\(name)", "\(folder)/\(name)/\(VersionChoice.fileName)"]
      + versions.map { path(name, $0) + "/" + ModelManifest.fileName }
    let stamp = FileStamp(paths + (signingKeys?.files ?? []))
    return stamp.isSettled(for: 2) ? stamp.text : nil
  }

  /// SHA-256 of the manifests of versions, which cover the files; without those that can't be read.
  func digests(of name: String, _ versions: [String]) -> [String: String] {
    var digests: [String: String] = [:]
    for version in versions {
      guard
        let data = FileManager.default.contents(atPath: path(name, version) + "/" + ModelManifest.fileName),
        data.count <= ModelManifest.maximumSize
      else { continue }
      digests[version] = Self.digest(Array(data))
    }
    return digests
  }

  func keyStore() throws(RegistryError) -> SigningKeyStore {
    guard let signingKeys else {
      throw RegistryError(.keyUnusable, "the registry \(folder) has no signing key; set a state folder")
    }
    return signingKeys
  }
}
