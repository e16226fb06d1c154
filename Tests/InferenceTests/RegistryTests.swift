import Cryptography
import Foundation
import StrictYAML
import TestSupport
import Testing

@testable import Inference

struct RegistryTests {
  private let key: Ed25519.PrivateKey

  init() throws { key = try Ed25519.PrivateKey() }

  private func registry(_ keys: [Ed25519.PrivateKey]) throws -> ModelRegistry {
    ModelRegistry(
      folder: try TestPaths.temporaryFolder(),
      trusted: TrustedKeys(Set(keys.map { SigningKey.publicText($0) })))
  }

  private func package(_ version: String = "1", bytes: [UInt8] = [1, 2, 3, 4]) -> ModelPackage {
    var manifest = ModelManifest(name: "thing", version: version, task: .tensors)
    manifest.title = "A \"thing\"\nwith \\ signs"
    manifest.labels = ["yes", "0x10", "ä b"]
    manifest.inputs = [TensorSpec(name: "x", type: .float32, shape: [1, -1])]
    manifest.picture = PictureInput(layout: .nchw, isBGR: true)
    manifest.soundScale = 1
    return ModelPackage(manifest: manifest, files: [ModelPackage.File(name: "thing.onnx", bytes: bytes)])
  }

  @Test func manifestsRoundTrip() throws {
    var manifest = package().manifest
    manifest.files = [
      ModelManifest.File(
        name: "a.onnx", size: 3, digest: String(repeating: "ab", count: 32),
        plainDigest: String(repeating: "cd", count: 32))
    ]
    #expect(try ModelManifest(text: manifest.text, file: "m") == manifest)
  }

  @Test func signedModelsLoad() throws {
    let registry = try registry([key])
    try registry.add(package(), labels: Array("one\ntwo\n".utf8), signedWith: key)
    let (loaded, digest) = try registry.package("thing", "1")
    #expect(loaded.files.map(\.bytes) == [[1, 2, 3, 4]])
    #expect(loaded.manifest.labels == ["one", "two"])
    #expect(digest.count == 64)
    #expect(registry.entries(deep: true).allSatisfy { $0.problem == nil })
    #expect(throws: RegistryError.self) { try registry.add(package(), signedWith: key) }
  }

  /// Each kind of alteration, with a part of its message.
  @Test(arguments: [
    ("thing.onnx", "was altered"), ("grow", "has 5 bytes"), ("lose", "missing"),
    ("manifest.yaml", "altered after"),
    ("manifest.sig", "is not a signature"), ("unsigned", "not signed"), ("stranger", "nor among"),
  ])
  func alteredModelsAreRefused(_ what: String, _ told: String) throws {
    let registry = try registry([key])
    try registry.add(package(), signedWith: key)
    let place = registry.folder + "/thing/1/"
    switch what {
    case "thing.onnx": try Data([1, 2, 3, 5]).write(to: URL(fileURLWithPath: place + what))
    case "grow": try Data([1, 2, 3, 4, 5]).write(to: URL(fileURLWithPath: place + "thing.onnx"))
    case "lose": try FileManager.default.removeItem(atPath: place + "thing.onnx")
    case "manifest.yaml":
      let text = try String(contentsOfFile: place + what, encoding: .utf8)
      try (text + "licence: \"MIT\"\n").write(toFile: place + what, atomically: true, encoding: .utf8)
    case "manifest.sig": try Data("ed25519 x y".utf8).write(to: URL(fileURLWithPath: place + what))
    case "unsigned": try FileManager.default.removeItem(atPath: place + "manifest.sig")
    default: try registry.sign("thing", "1", with: try Ed25519.PrivateKey())
    }
    let entry = try #require(registry.entries(deep: true).first)
    #expect(entry.problem?.contains(told) == true, "\(entry.problem ?? "nothing")")
    do {
      _ = try registry.package("thing", "1")
      Issue.record("it was given")
    } catch { #expect(error.description.contains(told), "\(error)") }
  }

  @Test func encryptedModelsRequireTheirKey() throws {
    var registry = try registry([key])
    try registry.add(package(), signedWith: key)
    let secret = (0..<32).map { UInt8($0) }
    let modelKey = try #require(ModelKey(secret))
    try registry.encrypt("thing", "1", with: modelKey, signedWith: key)
    let stored = try Data(contentsOf: URL(fileURLWithPath: registry.folder + "/thing/1/thing.onnx"))
    #expect(stored.count == 4 + 28 && stored.range(of: Data([1, 2, 3, 4])) == nil)
    #expect(throws: RegistryError.self) { try registry.package("thing", "1") }
    let file = registry.folder + "/key"
    try Data(Data(secret).base64EncodedString().utf8).write(to: URL(fileURLWithPath: file))
    registry.keyFile = file
    // A key that others can read is refused.
    #expect(chmod(file, 0o644) == 0)
    let exposed = #expect(throws: RegistryError.self) { try registry.package("thing", "1") }
    #expect(exposed?.description.contains("chmod 600") == true, "\(exposed as Any)")
    #expect(chmod(file, 0o600) == 0)
    #expect(try registry.package("thing", "1").package.files[0].bytes == [1, 2, 3, 4])
    // Another key, and a credential that systemd did not give.
    try Data(repeating: 7, count: 32).write(to: URL(fileURLWithPath: file))
    do {
      _ = try registry.package("thing", "1")
      Issue.record("it opened with another key")
    } catch { #expect(error.description.contains("does not open")) }
    registry.keyFile = "vrbridge-models"
    do {
      _ = try registry.package("thing", "1")
      Issue.record("there is no such credential")
    } catch { #expect(error.description.contains("LoadCredential")) }
  }

  @Test func versionsArePinnedAndRolledBack() throws {
    let registry = try registry([key])
    for version in ["9", "10", "11"] { try registry.add(package(version), signedWith: key) }
    func chosen(_ draw: Double = 1) -> String? {
      registry.choice(of: "thing").version(among: registry.versions(of: "thing"), draw: draw)
    }
    #expect(registry.versions(of: "thing") == ["9", "10", "11"])
    #expect(chosen() == "11")
    try registry.pin("thing", "9", signedWith: key)
    #expect(chosen() == "9")
    try registry.pin("thing", "11", canaryShare: 0.25, signedWith: key)
    #expect(chosen(0.2) == "11" && chosen(0.3) == "9")
    try registry.pin("thing", "10", signedWith: key)
    #expect(try registry.rollBack("thing", signedWith: key) == "9" && chosen() == "9" && chosen(0) == "9")
    #expect(try registry.rollBack("thing", signedWith: key) == "11")
    #expect(throws: RegistryError.self) { try registry.pin("thing", "12", signedWith: key) }
    #expect(throws: RegistryError.self) { try registry.pin("nothing", nil, signedWith: key) }
    try registry.remove("thing", "11")
    #expect(registry.versions(of: "thing") == ["9", "10"])
    #expect(throws: RegistryError.self) { try registry.remove("thing", "11") }
  }

  @Test(arguments: [
    ("name: \"../thing\"", "name: \"thing\""), ("name: \"../a\", size", "name: \"thing.onnx\", size"),
    ("task: magic", "task: tensors"), ("type: FP33", "type: FP32"), ("sha256: \"zz", "sha256: \"00"),
    ("labels: [\"a\\x1b[31m\"]", "labels: [\"yes\", \"0x10\", \"ä b\"]"), ("format: 2", "format: 1"),
    ("layout: HCWN", "layout: NCHW"),
  ])
  func invalidManifestsAreRefused(_ new: String, _ old: String) throws {
    var manifest = package().manifest
    manifest.files = [
      ModelManifest.File(name: "thing.onnx", size: 3, digest: String(repeating: "0", count: 64))
    ]
    let text = manifest.text.replacingOccurrences(of: old, with: new)
    #expect(text != manifest.text)
    #expect(throws: DocumentError.self) {
      try ModelManifest(text: text, file: "m", vocabulary: .tensors)
    }
  }

  /// Tasks and decoders are open names; the owner of a registry limits them.
  @Test func vocabulariesLimitTasksAndDecoders() throws {
    let folding = ModelTask(rawValue: "protein-folding")
    let decoder = ModelDecoder(rawValue: "lattice")
    var manifest = package().manifest
    manifest.task = folding
    manifest.decoder = decoder
    manifest.files = [
      ModelManifest.File(name: "a.onnx", size: 3, digest: String(repeating: "0", count: 64))
    ]
    let text = manifest.text
    #expect(try ModelManifest(text: text, file: "m") == manifest)
    let own = ModelVocabulary(tasks: [folding], decoders: [decoder])
    #expect(try ModelManifest(text: text, file: "m", vocabulary: own + .tensors) == manifest)
    for narrow in [ModelVocabulary.tensors, ModelVocabulary(tasks: [folding])] {
      #expect(throws: DocumentError.self) {
        try ModelManifest(text: text, file: "m", vocabulary: narrow)
      }
    }
    #expect(throws: DocumentError.self) {
      try ModelManifest(
        text: text.replacingOccurrences(of: "protein-folding", with: "Protein folding"), file: "m")
    }
    // A registry refuses what its vocabulary does not name.
    var registry = try registry([key])
    try registry.add(
      ModelPackage(
        manifest: manifest, files: [ModelPackage.File(name: "a.onnx", bytes: [1, 2, 3])]), signedWith: key)
    #expect(registry.entry("thing", "1", deep: true).problem == nil)
    registry.vocabulary = .tensors
    #expect(registry.entry("thing", "1", deep: true).problem?.contains("protein-folding") == true)
  }

  @Test func theCatalogueMatchesItsDocumentation() throws {
    // The models of the perception tasks; a test of the daemon compares them with the table.
    let catalog = try ModelCatalog.load(
      file: TestPaths.root + "/models/catalog.yaml",
      defaults: [
        "palm-detection", "hand-landmarks", "gesture-embedder", "gesture-classifier", "text-detection",
        "text-recognition", "object-detection",
      ])
    // docs/reference/model-format.md lists all models.
    let rows = try String(contentsOfFile: TestPaths.root + "/docs/reference/model-format.md", encoding: .utf8)
      .split(separator: "\n").filter { $0.hasSuffix("| default |") || $0.hasSuffix("| by name |") }
    #expect(rows.count == catalog.entries.count)
    for (row, entry) in zip(rows, catalog.entries) {
      #expect(
        row.hasPrefix("| `\(entry.manifest.name)` | \(entry.manifest.title) | \(entry.manifest.licence) |"))
      #expect(row.hasSuffix(entry.isDefault ? "| default |" : "| by name |"))
    }
    for entry in catalog.entries {
      #expect(
        !entry.manifest.licence.isEmpty && !entry.manifest.source.isEmpty && !entry.manifest.title.isEmpty)
    }
  }

  @Test func unknownModelsAndOtherDigestsAreNotPulled() throws {
    let catalog = try ModelCatalog.load(file: TestPaths.root + "/models/catalog.yaml")
    let registry = try registry([key])
    #expect(throws: RegistryError.self) { try catalog.entry("none") }
    let fetcher = try ModelFetcher(catalog: catalog, registry: registry)
    let file = registry.folder + "/other.onnx"
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: file))
    do {
      _ = try fetcher.pull(try catalog.entry("object-detection"), from: file, signedWith: key)
      Issue.record("another file was taken")
    } catch { #expect(error.description.contains("does not match the catalogue")) }
    #expect(registry.names.isEmpty)
  }

  /// With the umask 002, or from a wheel that says so, unpacked files can be written by a group.
  @Test func installedLibrariesAreWritableByTheirOwnerAlone() throws {
    let (base, files) = (try TestPaths.temporaryFolder(), FileManager.default)
    let (source, folder) = (base + "/wheel", base + "/data/vrbridge/lib")
    try files.createDirectory(atPath: source + "/plugins", withIntermediateDirectories: true)
    for (path, mode) in [("/a.so", 0o777), ("/plugins/b.so", 0o664)] {
      try Data([1]).write(to: URL(fileURLWithPath: source + path))
      try files.setAttributes([.posixPermissions: mode], ofItemAtPath: source + path)
    }
    try files.createSymbolicLink(atPath: source + "/a.so.1", withDestinationPath: "a.so")
    for path in ["", "/plugins"] {
      try files.setAttributes([.posixPermissions: 0o775], ofItemAtPath: source + path)
    }
    try ModelFetcher.install(source, into: folder, mark: "thing-1", record: Data("r".utf8))
    func mode(_ path: String) throws -> Int? {
      (try files.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    }
    #expect(try mode(folder) == 0o755 && mode(folder + "/plugins") == 0o755)
    #expect(try mode(folder + "/a.so") == 0o755 && mode(folder + "/plugins/b.so") == 0o644)
    #expect(try mode(base + "/data/vrbridge") == 0o755 && mode(base + "/data") == 0o755)
    #expect(try mode(folder + "/thing-1").map { $0 & 0o022 } == 0)
    #expect(try files.destinationOfSymbolicLink(atPath: folder + "/a.so.1") == "a.so")
    // An earlier version is replaced.
    try ModelFetcher.install(source + "/plugins", into: folder, mark: "thing-2", record: Data("r".utf8))
    #expect(try files.contentsOfDirectory(atPath: folder).sorted() == ["RECORD", "b.so", "thing-2"])
  }

  @Test func metadataIsFoundAndRandomBytesDoNotTrap() {
    // ir_version 8; metadata_props { key "k" value "v" }.
    let model: [UInt8] = [0x08, 8, 0x72, 6, 0x0a, 1, 0x6b, 0x12, 1, 0x76]
    #expect(ONNXMetadata.value("k", in: model) == "v")
    #expect(ONNXMetadata.value("x", in: model) == nil)
    for count in 0..<model.count { _ = ONNXMetadata.value("k", in: Array(model.prefix(count))) }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
      _ = ONNXMetadata.value("k", in: bytes)
    }
  }
}
