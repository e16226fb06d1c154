import Crypto
import Foundation
import StrictYAML

/// Models on disk: `FOLDER/NAME/VERSION/` with a manifest, its signature and the files.
///
/// Nothing is run that was not checked: the manifest's signature is by a trusted key, and each file has the size and
/// digest that the manifest says.
public struct ModelRegistry: Sendable {
  public var folder: String
  public var trusted: TrustedKeys
  /// Where the key of encrypted models is; nil for nowhere.
  public var keyPlace: String?

  public init(folder: String, trusted: TrustedKeys, keyPlace: String? = nil) {
    self.folder = folder
    self.trusted = trusted
    self.keyPlace = keyPlace
  }

  /// `$VRBRIDGE_MODELS`, else the user's data folder.
  public static func standardFolder(environment: [String: String]) -> String {
    if let named = environment["VRBRIDGE_MODELS"], !named.isEmpty { return named }
    if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/vrbridge/models" }
    return (environment["HOME"] ?? "/var/lib") + "/.local/share/vrbridge/models"
  }

  /// What is known of a version without running it.
  public struct Entry: Sendable {
    public var name: String
    public var version: String
    public var manifest: ModelManifest?
    /// Why it is refused; nil when it may be run.
    public var problem: String?
    /// SHA-256 of the manifest, which covers all files: the model's digest.
    public var digest: String
  }

  // MARK: looking

  public var names: [String] {
    folders(in: folder).filter(ModelManifest.isName)
  }

  /// The oldest first: numbers in versions count as numbers, so that 10 comes after 9.
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

  /// Every version with what is wrong with it; files are read and digested only when `deep`.
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

  func place(_ name: String, _ version: String) -> String { "\(folder)/\(name)/\(version)" }

  // MARK: reading

  private func readManifest(
    _ name: String, _ version: String
  ) throws(RegistryError) -> (manifest: ModelManifest, bytes: [UInt8]) {
    let path = place(name, version) + "/" + ModelManifest.fileName
    guard ModelManifest.isName(name), ModelManifest.isName(version),
      let data = FileManager.default.contents(atPath: path)
    else { throw RegistryError("there is no model \(name) \(version) in \(folder)") }
    guard data.count <= ModelManifest.maximumSize else {
      throw RegistryError("\(path) is larger than a manifest can be")
    }
    let manifest: ModelManifest
    do throws(DocumentError) {
      manifest = try ModelManifest(text: String(decoding: data, as: UTF8.self), file: path)
    } catch {
      throw RegistryError(String(describing: error))
    }
    guard manifest.name == name, manifest.version == version else {
      throw RegistryError("\(path) is the manifest of \(manifest.name) \(manifest.version)")
    }
    return (manifest, Array(data))
  }

  /// The manifest of a version, if somebody who is trusted signed it.
  private func signedManifest(
    _ name: String, _ version: String
  ) throws(RegistryError) -> (manifest: ModelManifest, bytes: [UInt8]) {
    let (manifest, bytes) = try readManifest(name, version)
    let path = place(name, version) + "/" + ModelSignature.fileName
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RegistryError(
        "\(name) \(version) is not signed; if you trust it: vrbridge models sign \(name) --version \(version)"
      )
    }
    guard let signature = ModelSignature(text: String(decoding: data.prefix(4096), as: UTF8.self)) else {
      throw RegistryError("\(path) is no signature")
    }
    guard signature.isValid(for: bytes) else {
      throw RegistryError("\(name) \(version): the manifest was altered after it was signed")
    }
    guard trusted.keys.contains(signature.key) else {
      throw RegistryError(
        "\(name) \(version) is signed by \(signature.key), which is not among 'models: trusted_keys'")
    }
    return (manifest, bytes)
  }

  private func check(
    _ file: ModelManifest.File, of manifest: ModelManifest, deep: Bool
  ) throws(RegistryError) {
    let path = place(manifest.name, manifest.version) + "/" + file.name
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let size = (attributes?[.size] as? NSNumber)?.intValue else {
      throw RegistryError("\(manifest.name) \(manifest.version): '\(file.name)' is missing")
    }
    guard size == file.size else {
      throw RegistryError(
        "\(manifest.name) \(manifest.version): '\(file.name)' has \(size) bytes, and should have \(file.size)"
      )
    }
    if deep { _ = try read(file, of: manifest) }
  }

  private func read(
    _ file: ModelManifest.File, of manifest: ModelManifest
  ) throws(RegistryError) -> [UInt8] {
    // The size first: what has grown is not read.
    try check(file, of: manifest, deep: false)
    let path = place(manifest.name, manifest.version) + "/" + file.name
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RegistryError("\(manifest.name) \(manifest.version): '\(file.name)' is missing")
    }
    let bytes = Array(data)
    let digest = Self.digest(bytes)
    guard digest == file.digest else {
      throw RegistryError(
        "\(manifest.name) \(manifest.version): '\(file.name)' was altered: its SHA-256 is \(digest.prefix(16))…, and should be \(file.digest.prefix(16))…"
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
      guard let keyPlace else {
        throw RegistryError(
          "\(name) \(version) is encrypted; 'models: key' in the configuration names its key")
      }
      key = try ModelKey.load(keyPlace, environment: ProcessInfo.processInfo.environment)
    }
    var files: [ModelPackage.File] = []
    for file in manifest.files {
      var contents = try read(file, of: manifest)
      if let plain = file.plainDigest, let key {
        contents = try key.open(contents, manifest, file: file.name)
        guard Self.digest(contents) == plain else {
          throw RegistryError(
            "\(name) \(version): '\(file.name)' holds other contents than the manifest says")
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
      throw RegistryError("'\(file)' is no list of labels: a line each, without control characters")
    }
    return lines
  }

  public static func digest(_ bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  // MARK: changing

  /// Puts a model into the registry, signed; a version that is there is not replaced.
  public func add(
    _ package: ModelPackage, labels: [UInt8]? = nil, signedWith key: Curve25519.Signing.PrivateKey
  ) throws(RegistryError) {
    var manifest = package.manifest
    let final = place(manifest.name, manifest.version)
    guard ModelManifest.isName(manifest.name), ModelManifest.isName(manifest.version) else {
      throw RegistryError("names and versions of models are made of a-z, 0-9, '.', '-' and '_'")
    }
    guard !FileManager.default.fileExists(atPath: final) else {
      throw RegistryError(
        "there is a \(manifest.name) \(manifest.version) already; give a new version, or remove that one")
    }
    var files = package.files
    if let labels {
      manifest.labelsFile = "labels.txt"
      manifest.labels = []
      files.append(ModelPackage.File(name: "labels.txt", bytes: labels))
    }
    guard files.allSatisfy({ ModelManifest.isFileName($0.name) }) else {
      throw RegistryError("names of files are made of letters, digits, '.', '-' and '_'")
    }
    manifest.files = files.map {
      ModelManifest.File(name: $0.name, size: $0.bytes.count, digest: Self.digest($0.bytes))
    }
    try write(manifest, files, key)
  }

  /// Writes a version beside its place and moves it there: nobody sees half of one.
  private func write(
    _ manifest: ModelManifest, _ files: [ModelPackage.File], _ key: Curve25519.Signing.PrivateKey
  ) throws(RegistryError) {
    let final = place(manifest.name, manifest.version)
    let unfinished =
      "\(folder)/\(manifest.name)/.\(manifest.version)-\(ProcessInfo.processInfo.processIdentifier)"
    do {
      try? FileManager.default.removeItem(atPath: unfinished)
      try FileManager.default.createDirectory(atPath: unfinished, withIntermediateDirectories: true)
      for file in files {
        try Data(file.bytes).write(to: URL(fileURLWithPath: unfinished + "/" + file.name))
      }
      let text = Array(manifest.text.utf8)
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
      throw RegistryError("\(manifest.name) \(manifest.version) can't be written to \(folder): \(error)")
    }
  }

  /// Signs a version again: for one that was laid there by hand, or by somebody who is not trusted.
  /// What the files are now is what is vouched for.
  public func sign(
    _ name: String, _ version: String, with key: Curve25519.Signing.PrivateKey
  ) throws(RegistryError) {
    let (manifest, bytes) = try readManifest(name, version)
    for file in manifest.files { _ = try read(file, of: manifest) }
    let path = place(name, version) + "/" + ModelSignature.fileName
    do {
      try Data(ModelSignature(signing: bytes, with: key).text.utf8).write(
        to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw RegistryError("\(path) can't be written: \(error.localizedDescription)")
    }
  }

  /// Encrypts the files of a version and signs it again.
  public func encrypt(
    _ name: String, _ version: String, with modelKey: ModelKey,
    signedWith key: Curve25519.Signing.PrivateKey
  ) throws(RegistryError) {
    var (manifest, _) = try signedManifest(name, version)
    guard !manifest.isEncrypted else { throw RegistryError("\(name) \(version) is encrypted already") }
    var files: [ModelPackage.File] = []
    for place in manifest.files.indices {
      let plain = try read(manifest.files[place], of: manifest)
      let sealed = try modelKey.seal(plain, manifest, file: manifest.files[place].name)
      manifest.files[place].plainDigest = manifest.files[place].digest
      manifest.files[place].digest = Self.digest(sealed)
      manifest.files[place].size = sealed.count
      files.append(ModelPackage.File(name: manifest.files[place].name, bytes: sealed))
    }
    try write(manifest, files, key)
  }

  public func remove(_ name: String, _ version: String) throws(RegistryError) {
    guard versions(of: name).contains(version) else {
      throw RegistryError("there is no model \(name) \(version) in \(folder)")
    }
    do {
      try FileManager.default.removeItem(atPath: place(name, version))
      if versions(of: name).isEmpty { try FileManager.default.removeItem(atPath: folder + "/" + name) }
    } catch {
      throw RegistryError("\(name) \(version) can't be removed: \(error.localizedDescription)")
    }
  }
}
