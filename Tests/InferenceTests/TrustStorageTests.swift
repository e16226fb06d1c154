import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Inference

/// The files of keys and revocations: simultaneous changes, unreadable folders, and what is read again.
struct TrustStorageTests {
  private let folder: String
  private let store: SigningKeyStore
  private let registry: ModelRegistry

  init() throws {
    folder = try TestPaths.temporaryFolder()
    store = SigningKeyStore(file: folder + "/keys/models.key")
    registry = ModelRegistry(folder: folder + "/models", trusted: TrustedKeys(), signingKeys: store)
  }

  private func add(_ version: String) throws {
    try registry.add(
      ModelPackage(
        manifest: ModelManifest(name: "thing", version: version, task: .tensors),
        files: [ModelPackage.File(name: "x.onnx", bytes: Array(version.utf8))]),
      signedWith: store.signingKey())
  }

  // MARK: simultaneous changes

  @Test func simultaneousRevocationsAreAllKept() async throws {
    _ = try store.signingKey()
    let keys = try (0..<16).map { _ in SigningKey.publicText(try Ed25519.PrivateKey()) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for key in keys { group.addTask { try registry.revoke(key: key) } }
      try await group.waitForAll()
    }
    let list = try registry.revocations()
    #expect(keys.allSatisfy { list.contains(.key, $0) } && list.entries.count == keys.count)
  }

  /// The key of the second would replace the one with which the first signed.
  @Test func simultaneousFirstUsesMakeOneKey() async throws {
    let keys = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<16 { group.addTask { SigningKey.publicText(try store.signingKey()) } }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(keys.count == 1 && keys == store.publicKeys)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/keys") == ["models.key"])
  }

  // MARK: unreadable folders

  private func expectNoRotation(_ path: String) throws {
    let before = store.publicKeys
    let error = #expect(throws: RegistryError.self) { try registry.rotateKey() }
    #expect(error?.code == "model-registry-unreadable", "\(error as Any)")
    #expect(error?.description.contains(path) == true, "\(error as Any)")
    #expect(store.publicKeys == before)
    #expect(try registry.revocations().entries.isEmpty)
  }

  @Test func aRotationWithAnUnreadableRegistryKeepsTheKey() throws {
    try add("1")
    // A link to itself can't be followed, by root either.
    let moved = folder + "/moved"
    try FileManager.default.moveItem(atPath: registry.folder, toPath: moved)
    #expect(symlink(registry.folder, registry.folder) == 0)
    try expectNoRotation(registry.folder)
    unlink(registry.folder)
    try FileManager.default.moveItem(atPath: moved, toPath: registry.folder)
    #expect(try registry.rotateKey().signed == ["thing 1"])
    #expect(registry.entry("thing", "1", deep: true).problem == nil)
  }

  @Test(arguments: ["1/manifest.sig", "1/manifest.yaml", "selection.json"])
  func aRotationWithAnUnreadableFileKeepsTheKey(_ file: String) throws {
    try add("1")
    try registry.pin("thing", "1", signedWith: store.signingKey())
    let path = "\(registry.folder)/thing/\(file)"
    try #require(FileManager.default.fileExists(atPath: path))
    try FileManager.default.moveItem(atPath: path, toPath: folder + "/kept")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try expectNoRotation(path)
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.moveItem(atPath: folder + "/kept", toPath: path)
    #expect(try registry.rotateKey().signed == ["thing 1"])
    #expect(registry.choice(of: "thing").refusal == nil && registry.choice(of: "thing").pinned == "1")
  }

  @Test func aRegistryWithoutAFolderHasNothingToSign() throws {
    _ = try store.signingKey()
    #expect(try registry.rotateKey().signed.isEmpty)
  }

  // MARK: what is read again

  @Test func unchangedFilesAreReadOnce() throws {
    _ = try store.signingKey()
    var reads = 0
    func read(_ cache: TrustCache) -> Set<String> {
      cache.contents(of: store) {
        reads += 1
        return $0.readContents()
      }.publicKeys
    }
    let cache = TrustCache(settlingTime: 0)
    let keys = read(cache)
    #expect(read(cache) == keys && reads == 1 && keys.count == 1)
    try registry.revoke(key: SigningKey.publicText(try Ed25519.PrivateKey()))
    #expect(read(cache) == keys && read(cache) == keys && reads == 2)
    // A file that was just changed may change again without another time.
    let careful = TrustCache()
    #expect(read(careful) == keys && read(careful) == keys && reads == 4)
  }

  @Test func aSignedModelDoesNotNeedTheCatalogue() throws {
    try add("1")
    let reads = Mutex(0)
    var registry = registry
    registry.catalog = TrustedCatalog {
      reads.withLock { $0 += 1 }
      return nil
    }
    #expect(registry.entry("thing", "1", deep: true).problem == nil)
    #expect(reads.withLock { $0 } == 0)
    unlink("\(registry.folder)/thing/1/manifest.sig")
    #expect(registry.entry("thing", "1", deep: true).problem?.contains("is not signed") == true)
    #expect(reads.withLock { $0 } == 1)
  }
}
