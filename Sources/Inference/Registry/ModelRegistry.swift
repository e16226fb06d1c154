import Diagnostics
import Cryptography
import Foundation
import StrictYAML

/// Models on disk: `FOLDER/NAME/VERSION/` with a manifest, its signature and the files.
///
/// A model is usable only when a trusted key signed its manifest or the catalogue contains it, when it is not revoked, and
/// when each file has the size and digest of the manifest.
public struct ModelRegistry: Sendable {
  public var folder: String
  public var trusted: TrustedKeys
  /// File or credential with the key of encrypted models; nil without one.
  public var keyFile: String?
  /// Tasks and decoders that manifests may name; nil allows any.
  public var vocabulary: ModelVocabulary?
  /// The user's key, which is trusted too, and the revocation list; nil without a state folder.
  public var signingKeys: SigningKeyStore?
  /// Models that need no signature; nil without a catalogue.
  public var catalog: TrustedCatalog?

  public init(
    folder: String, trusted: TrustedKeys, keyFile: String? = nil, vocabulary: ModelVocabulary? = nil,
    signingKeys: SigningKeyStore? = nil, catalog: TrustedCatalog? = nil
  ) {
    self.folder = folder
    self.trusted = trusted
    self.keyFile = keyFile
    self.vocabulary = vocabulary
    self.signingKeys = signingKeys
    self.catalog = catalog
  }

  /// `$VRBRIDGE_MODELS`, else the user's data folder.
  public static func standardFolder(environment: [String: String]) -> String {
    if let named = environment["VRBRIDGE_MODELS"], !named.isEmpty { return named }
    if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/vrbridge/models" }
    return (environment["HOME"] ?? "/var/lib") + "/.local/share/vrbridge/models"
  }

  /// The state of a version without opening it.
  public struct Entry: Sendable {
    public var name: String
    public var version: String
    public var manifest: ModelManifest?
    /// Reason of a refusal; nil for a usable version.
    public var problem: String?
    /// The model's digest: SHA-256 of the manifest, which covers all files.
    public var digest: String
  }

  // MARK: contents

  public var names: [String] {
    folders(in: folder).filter(ModelManifest.isName)
  }

  /// The oldest first, in numeric order: 10 comes after 9.
  public func versions(of name: String) -> [String] {
    guard ModelManifest.isName(name) else { return [] }
    return folders(in: folder + "/" + name).filter(ModelManifest.isName).sorted {
      $0.compare($1, options: .numeric) == .orderedAscending
    }
  }

  private func folders(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { name in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
        && isFolder.boolValue
    }.sorted()
  }

  /// All versions with their problems.
  ///
  /// - Parameter deep: reads all files and compares their digests.
  public func entries(deep: Bool = false) -> [Entry] {
    names.flatMap { name in versions(of: name).map { entry(name, $0, deep: deep) } }
  }

  public func entry(_ name: String, _ version: String, deep: Bool) -> Entry {
    var entry = Entry(name: name, version: version, manifest: nil, problem: nil, digest: "")
    do throws(RegistryError) {
      let (manifest, bytes) = try signedManifest(name, version)
      entry.manifest = manifest
      entry.digest = Self.digest(bytes)
      for file in manifest.files { try check(file, of: manifest, deep: deep) }
    } catch {
      entry.problem = error.description
      if entry.manifest == nil { entry.manifest = try? readManifest(name, version).manifest }
    }
    return entry
  }

  func path(_ name: String, _ version: String) -> String { "\(folder)/\(name)/\(version)" }

  // MARK: reading

  func readManifest(
    _ name: String, _ version: String
  ) throws(RegistryError) -> (manifest: ModelManifest, bytes: [UInt8]) {
    let path = path(name, version) + "/" + ModelManifest.fileName
    guard ModelManifest.isName(name), ModelManifest.isName(version),
      let data = FileManager.default.contents(atPath: path)
    else { throw RegistryError(.notFound, "the model \(name) \(version) is not in \(folder)") }
    guard data.count <= ModelManifest.maximumSize else {
      throw RegistryError(
        .invalidManifest,
        "\(path) has \(data.count) bytes; a manifest has at most \(ModelManifest.maximumSize)")
    }
    let manifest: ModelManifest
    do throws(DocumentError) {
      manifest = try ModelManifest(
        text: String(decoding: data, as: UTF8.self), file: path, vocabulary: vocabulary)
    } catch {
      throw RegistryError(.invalidManifest, error.reason)
    }
    guard manifest.name == name, manifest.version == version else {
      throw RegistryError(
        .invalidManifest,
        "\(path) describes \(manifest.name) \(manifest.version); move it to that folder or correct it")
    }
    return (manifest, Array(data))
  }

  /// The manifest of a version, provided that it is trusted.
  private func signedManifest(
    _ name: String, _ version: String
  ) throws(RegistryError) -> (manifest: ModelManifest, bytes: [UInt8]) {
    let (manifest, bytes) = try readManifest(name, version)
    try checkTrust(manifest, bytes)
    return (manifest, bytes)
  }

  private func check(
    _ file: ModelManifest.File, of manifest: ModelManifest, deep: Bool
  ) throws(RegistryError) {
    let path = path(manifest.name, manifest.version) + "/" + file.name
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let size = (attributes?[.size] as? NSNumber)?.intValue else {
      throw RegistryError(
        .fileMissing, "\(manifest.name) \(manifest.version): '\(file.name)' is missing; fetch the model again"
      )
    }
    guard size == file.size else {
      throw RegistryError(
        .altered,
        "\(manifest.name) \(manifest.version): '\(file.name)' has \(size) bytes; the manifest declares \(file.size)"
      )
    }
    if deep { _ = try read(file, of: manifest) }
  }

  func read(
    _ file: ModelManifest.File, of manifest: ModelManifest
  ) throws(RegistryError) -> [UInt8] {
    // The size first, so that a file of any length is not read.
    try check(file, of: manifest, deep: false)
    let path = path(manifest.name, manifest.version) + "/" + file.name
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RegistryError(
        .fileMissing, "\(manifest.name) \(manifest.version): '\(file.name)' is missing; fetch the model again"
      )
    }
    let bytes = Array(data)
    let digest = Self.digest(bytes)
    guard digest == file.digest else {
      throw RegistryError(
        .altered,
        "\(manifest.name) \(manifest.version): '\(file.name)' was altered: its SHA-256 is \(digest.prefix(16))…; the manifest declares \(file.digest.prefix(16))…"
      )
    }
    return bytes
  }

  /// A version's files, checked and decrypted, and the model's digest.
  public func package(
    _ name: String, _ version: String
  ) throws(RegistryError) -> (package: ModelPackage, digest: String) {
    var (manifest, bytes) = try signedManifest(name, version)
    var key: ModelKey?
    if manifest.isEncrypted {
      guard let keyFile else {
        throw RegistryError(
          .keyUnusable,
          "the model \(name) \(version) is encrypted; set its key as 'models: key' in the configuration")
      }
      key = try ModelKey.load(keyFile, environment: ProcessInfo.processInfo.environment)
    }
    var files: [ModelPackage.File] = []
    for file in manifest.files {
      var contents = try read(file, of: manifest)
      if let plain = file.plainDigest, let key {
        contents = try key.open(contents, manifest, file: file.name)
        guard Self.digest(contents) == plain else {
          throw RegistryError(
            .altered, "\(name) \(version): the decrypted '\(file.name)' has another digest than the manifest")
        }
      }
      if file.name == manifest.labelsFile {
        manifest.labels = try Self.labels(contents, of: file.name)
      } else {
        files.append(ModelPackage.File(name: file.name, bytes: contents))
      }
    }
    return (ModelPackage(manifest: manifest, files: files), Self.digest(bytes))
  }

  private static func labels(_ contents: [UInt8], of file: String) throws(RegistryError) -> [String] {
    var lines = String(decoding: contents, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map { $0.hasSuffix("\r") ? String($0.dropLast()) : String($0) }
    if lines.last == "" { lines.removeLast() }
    guard lines.count <= 100_000, lines.allSatisfy(ModelManifest.isLabel) else {
      throw RegistryError(
        .invalidManifest, "'\(file)' is not a list of labels: one per line, without control characters")
    }
    return lines
  }

  public static func digest(_ bytes: [UInt8]) -> String {
    SHA256.hash(bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  // MARK: changes

  /// Adds a signed model. Existing versions are not replaced.
  public func add(
    _ package: ModelPackage, labels: [UInt8]? = nil, signedWith key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    var manifest = package.manifest
    let final = path(manifest.name, manifest.version)
    guard ModelManifest.isName(manifest.name), ModelManifest.isName(manifest.version) else {
      throw RegistryError(
        .invalidName,
        "'\(manifest.name)' or '\(manifest.version)': names and versions of models consist of a-z, 0-9, '.', '-' and '_'"
      )
    }
    guard !FileManager.default.fileExists(atPath: final) else {
      throw RegistryError(
        .exists,
        "\(manifest.name) \(manifest.version) exists already; choose another version, or remove this one")
    }
    var files = package.files
    if let labels {
      manifest.labelsFile = "labels.txt"
      manifest.labels = []
      files.append(ModelPackage.File(name: "labels.txt", bytes: labels))
    }
    guard files.allSatisfy({ ModelManifest.isFileName($0.name) }) else {
      throw RegistryError(
        .invalidName, "names of a model's files consist of letters, digits, '.', '-' and '_'")
    }
    manifest.files = files.map {
      ModelManifest.File(name: $0.name, size: $0.bytes.count, digest: Self.digest($0.bytes))
    }
    try write(manifest, files, key)
  }

  /// Writes a version to a temporary folder and renames it, so that a reader finds all of it or none.
  private func write(
    _ manifest: ModelManifest, _ files: [ModelPackage.File], _ key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    let final = path(manifest.name, manifest.version)
    let unfinished =
      "\(folder)/\(manifest.name)/.\(manifest.version)-\(ProcessInfo.processInfo.processIdentifier)"
    let text = Array(manifest.text.utf8)
    try checkRevocation(manifest, digest: Self.digest(text))
    do {
      try? FileManager.default.removeItem(atPath: unfinished)
      try FileManager.default.createDirectory(atPath: unfinished, withIntermediateDirectories: true)
      for file in files {
        try Data(file.bytes).write(to: URL(fileURLWithPath: unfinished + "/" + file.name))
      }
      try Data(text).write(to: URL(fileURLWithPath: unfinished + "/" + ModelManifest.fileName))
      try Data(ModelSignature(signing: text, with: key).text.utf8).write(
        to: URL(fileURLWithPath: unfinished + "/" + ModelSignature.fileName))
      if FileManager.default.fileExists(atPath: final) {
        let old = unfinished + "-old"
        try FileManager.default.moveItem(atPath: final, toPath: old)
        try FileManager.default.moveItem(atPath: unfinished, toPath: final)
        try FileManager.default.removeItem(atPath: old)
      } else {
        try FileManager.default.moveItem(atPath: unfinished, toPath: final)
      }
    } catch {
      try? FileManager.default.removeItem(atPath: unfinished)
      throw RegistryError(
        .writeFailed, "\(manifest.name) \(manifest.version) cannot be written to \(folder): \(error.reason)")
    }
  }

  /// Signs the present files of a version, for models that were copied by hand or signed by an untrusted key.
  public func sign(
    _ name: String, _ version: String, with key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    let (manifest, bytes) = try readManifest(name, version)
    try checkRevocation(manifest, digest: Self.digest(bytes))
    for file in manifest.files { _ = try read(file, of: manifest) }
    let path = path(name, version) + "/" + ModelSignature.fileName
    do {
      try Data(ModelSignature(signing: bytes, with: key).text.utf8).write(
        to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw RegistryError(.writeFailed, "\(path) cannot be written: \(error.reason)")
    }
  }

  /// Encrypts the files of a version and signs it again.
  public func encrypt(
    _ name: String, _ version: String, with modelKey: ModelKey,
    signedWith key: Ed25519.PrivateKey
  ) throws(RegistryError) {
    var (manifest, _) = try signedManifest(name, version)
    guard !manifest.isEncrypted else {
      throw RegistryError(.exists, "\(name) \(version) is encrypted already")
    }
    var files: [ModelPackage.File] = []
    for index in manifest.files.indices {
      let plain = try read(manifest.files[index], of: manifest)
      let sealed = try modelKey.seal(plain, manifest, file: manifest.files[index].name)
      manifest.files[index].plainDigest = manifest.files[index].digest
      manifest.files[index].digest = Self.digest(sealed)
      manifest.files[index].size = sealed.count
      files.append(ModelPackage.File(name: manifest.files[index].name, bytes: sealed))
    }
    try write(manifest, files, key)
  }

  public func remove(_ name: String, _ version: String) throws(RegistryError) {
    guard versions(of: name).contains(version) else {
      throw RegistryError(.notFound, "the model \(name) \(version) is not in \(folder)")
    }
    do {
      try FileManager.default.removeItem(atPath: path(name, version))
      if versions(of: name).isEmpty { try FileManager.default.removeItem(atPath: folder + "/" + name) }
    } catch {
      throw RegistryError(
        .writeFailed, "\(name) \(version) cannot be removed: \(error.reason)")
    }
  }
}
