import Cryptography
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Inference

/// Which models a registry opens: trust by the catalogue's digests, revocation, rotation of the user's key.
struct TrustTests {
  private let folder: String

  init() throws { folder = try TestPaths.temporaryFolder() }

  /// A machine of its own over the registry of this test; `state` names its state folder.
  private func machine(
    _ state: String = "a", trusting keys: Set<String> = [], catalog: TrustedCatalog? = nil
  ) -> ModelRegistry {
    ModelRegistry(
      folder: folder + "/models", trusted: TrustedKeys(keys),
      signingKeys: SigningKeyStore(file: "\(folder)/\(state)/keys/models.key"), catalog: catalog)
  }

  private func key(_ state: String = "a") throws -> Ed25519.PrivateKey {
    try machine(state).keyStore().signingKey()
  }

  private func add(
    _ name: String, version: String = "1", bytes: [UInt8] = [1, 2, 3, 4], labels: [UInt8]? = nil,
    to registry: ModelRegistry? = nil
  ) throws {
    let manifest = ModelManifest(name: name, version: version, task: .tensors)
    let file = ModelPackage.File(name: "x.onnx", bytes: bytes)
    try (registry ?? machine()).add(
      ModelPackage(manifest: manifest, files: [file]), labels: labels, signedWith: try key())
  }

  private func problem(_ registry: ModelRegistry, _ name: String, _ version: String = "1") -> String {
    registry.entry(name, version, deep: true).problem ?? ""
  }

  // MARK: catalogue

  /// ONNX metadata with the labels "one" and "two" under the key "k".
  private static let labelled: [UInt8] = [0x72, 12, 0x0a, 1, 0x6b, 0x12, 7] + Array("one\ntwo".utf8)

  private func catalog(_ name: String, _ bytes: [UInt8], labels: String = "") -> TrustedCatalog {
    let text = """
      runtimes: []
      models:
        - address: https://example.org/x.onnx
          \(labels.isEmpty ? "default: true" : "labels_metadata: \(labels)")
          manifest:
            format: 1
            name: \(name)
            version: "1"
            task: tensors
            files: [{ name: x.onnx, size: \(bytes.count), sha256: "\(ModelRegistry.digest(bytes))" }]
      """
    return TrustedCatalog { try? ModelCatalog(text: text, file: "c") }
  }

  @Test func modelsOfTheCatalogueAreTrustedWithoutTheKeyThatSignedThem() throws {
    try add("thing")
    try add("tags", bytes: Self.labelled, labels: Array("one\ntwo".utf8))
    for (name, catalog) in [
      ("thing", catalog("thing", [1, 2, 3, 4])), ("tags", catalog("tags", Self.labelled, labels: "k")),
    ] {
      // Another machine, or one whose state folder was lost.
      let other = machine("b", catalog: catalog)
      #expect(problem(other, name) == "")
      #expect(try other.package(name, "1").package.files[0].bytes.isEmpty == false)
      try FileManager.default.removeItem(atPath: "\(folder)/models/\(name)/1/manifest.sig")
      #expect(problem(other, name) == "")
      // Without the catalogue the refusal contains the command that helps.
      let error = #expect(throws: RegistryError.self) { try machine("b").package(name, "1") }
      #expect(error?.code == "model-unsigned")
      #expect(
        error?.description.contains("vrbridge models sign \(name) --model-version 1") == true,
        "\(error as Any)")
    }
  }

  @Test func filesAndLabelsThatDifferFromTheCatalogueAreRefusedWithTheRemedy() throws {
    try add("thing", bytes: [1, 2, 3, 5])
    try add("tags", bytes: Self.labelled, labels: Array("one\nthree".utf8))
    for (name, catalog) in [
      ("thing", catalog("thing", [1, 2, 3, 4])), ("tags", catalog("tags", Self.labelled, labels: "k")),
    ] {
      let problem = problem(machine("b", catalog: catalog), name)
      #expect(
        problem.contains("neither your key nor among") && problem.contains("vrbridge models pull \(name)"),
        "\(problem)")
    }
    // The catalogue's manifest with other contents.
    try add("late")
    let path = folder + "/models/late/1/x.onnx"
    try Data([4, 3, 2, 1]).write(to: URL(fileURLWithPath: path))
    #expect(problem(machine("b", catalog: catalog("late", [1, 2, 3, 4])), "late").contains("was altered"))
  }

  @Test func untrustedSignersAreRefusedWithTheRemedy() throws {
    try add("thing")
    let error = #expect(throws: RegistryError.self) { try machine("b").package("thing", "1") }
    #expect(error?.code == "model-untrusted")
    for part in ["vrbridge models sign thing --model-version 1", "'models: trusted_keys'"] {
      #expect(error?.description.contains(part) == true, "\(error as Any)")
    }
    #expect(problem(machine("b", trusting: [SigningKey.publicText(try key())]), "thing") == "")
  }

  // MARK: revocation

  @Test func revokedModelsAreRefusedUnderAnyManifest() throws {
    try add("thing")
    let registry = machine()
    let catalog = catalog("thing", [1, 2, 3, 4])
    try registry.revoke("thing", "1", reason: "wrong\nlabels")
    #expect(problem(registry, "thing").contains("was revoked on 20"))
    #expect(problem(registry, "thing").contains("(wronglabels)"))
    #expect(problem(machine(catalog: catalog), "thing").contains("was revoked"))
    // The same weights in another model, and a signature that is made again.
    let again = #expect(throws: RegistryError.self) { try add("other", bytes: [1, 2, 3, 4]) }
    #expect(again?.code == "model-revoked")
    let sign = #expect(throws: RegistryError.self) { try registry.sign("thing", "1", with: try key()) }
    #expect(sign?.code == "model-revoked")
    try add("third", bytes: [9])
    #expect(problem(registry, "third") == "")
  }

  @Test func alteredRevocationListsOpenNoModel() throws {
    try add("thing")
    try add("other", bytes: [5])
    let registry = machine()
    try registry.revoke("thing", "1")
    let file = folder + "/a/keys/revoked.list"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let shorter = text.split(separator: "\n").filter { !$0.hasPrefix("model") }.joined(separator: "\n") + "\n"
    for altered in [shorter, "", text.replacingOccurrences(of: "model ", with: "key ")] {
      try altered.write(toFile: file, atomically: true, encoding: .utf8)
      #expect(problem(registry, "other").contains("not a revocation list with a valid signature"))
    }
    // A list that somebody else signed.
    let foreign = try RevocationList().text(signedWith: try Ed25519.PrivateKey())
    try foreign.write(toFile: file, atomically: true, encoding: .utf8)
    #expect(problem(registry, "other").contains("which is not your key"))
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    #expect(problem(registry, "other") == "" && problem(registry, "thing").contains("was revoked"))
  }

  @Test func listsOfTrustedKeysAreImported() throws {
    try add("thing")
    try machine().revoke("thing", "1")
    let stolen = SigningKey.publicText(try Ed25519.PrivateKey())
    try machine().revoke(key: stolen)
    let list = folder + "/a/keys/revoked.list"
    let signer = SigningKey.publicText(try key())
    let untrusted = #expect(throws: RegistryError.self) { try machine("b").importRevocations(list) }
    #expect(untrusted?.code == "model-untrusted")
    let other = machine("b", trusting: [signer, stolen])
    #expect(try other.importRevocations(list) == 3)
    #expect(problem(other, "thing").contains("was revoked"))
    #expect(other.problem(ofKey: stolen, try other.revocations())?.kind == .revoked)
    // A revoked key cannot revoke, and nobody revokes the own key by accident.
    try other.revoke(key: signer)
    #expect(throws: RegistryError.self) { try other.importRevocations(list) }
    let own = #expect(throws: RegistryError.self) {
      try other.revoke(key: SigningKey.publicText(try key("b")))
    }
    #expect(own?.description.contains("vrbridge models key --rotate") == true)
  }

  // MARK: rotation

  @Test func aRotationSignsAgainAndRevokesTheOldKey() throws {
    for version in ["1", "2"] { try add("thing", version: version) }
    try add("broken", bytes: [7])
    try Data([8]).write(to: URL(fileURLWithPath: folder + "/models/broken/1/x.onnx"))
    let registry = machine()
    let old = try key()
    try registry.pin("thing", "1", signedWith: old)
    let rotation = try registry.rotateKey()
    #expect(rotation.revoked == SigningKey.publicText(old) && rotation.key != rotation.revoked)
    #expect(rotation.signed == ["thing 1", "thing 2"])
    #expect(rotation.problems.count == 1 && rotation.problems[0].contains("was altered"))
    #expect(SigningKey.publicText(try key()) == rotation.key)
    #expect(problem(registry, "thing") == "" && problem(registry, "thing", "2") == "")
    #expect(registry.choice(of: "thing").pinned == "1")
    // What the old key signs from now on is refused, even where it is among the trusted keys.
    try registry.sign("thing", "2", with: old)
    let trusting = machine(trusting: [SigningKey.publicText(old)])
    #expect(problem(trusting, "thing", "2").contains("which was revoked on"))
    let mode = try FileManager.default.attributesOfItem(atPath: folder + "/a/keys/models.key")
    #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o600)
  }

  /// Others may have replaced a key that they can write, so it signs nothing and no model that it signed is opened.
  @Test(arguments: [0o666, 0o644, 0o620] as [mode_t])
  func aKeyThatOthersCanUseIsRefusedUntilItIsMended(_ mode: mode_t) throws {
    try add("thing")
    let registry = machine()
    let file = folder + "/a/keys/models.key"
    let (stamp, text) = (registry.trustStamp, try String(contentsOfFile: file, encoding: .utf8))
    #expect(chmod(file, mode) == 0)
    // A running bridge notices the change.
    #expect(registry.trustStamp != stamp)
    let exposed = #expect(throws: RegistryError.self) { try key() }
    #expect(exposed?.code == "model-key-unusable")
    #expect(problem(registry, "thing").contains("run: chmod 600 '\(file)'"), "\(problem(registry, "thing"))")
    // A rotation would revoke nothing.
    let rotation = #expect(throws: RegistryError.self) { try registry.rotateKey() }
    #expect(rotation?.code == "model-key-unusable")
    #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
    #expect(chmod(file, 0o600) == 0)
    #expect(problem(registry, "thing") == "")
    // The key of an interrupted rotation.
    let store = try registry.keyStore()
    _ = try store.nextKey()
    #expect(chmod(store.nextFile, mode) == 0)
    #expect(throws: RegistryError.self) { try store.nextKey() }
    #expect(throws: RegistryError.self) { try registry.rotateKey() }
    #expect(store.current(store.nextFile) == nil)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, which gives files to others"))
  func aKeyOfAnotherUserIsRefused() throws {
    try add("thing")
    let file = folder + "/a/keys/models.key"
    #expect(chown(file, 65_533, 65_533) == 0)
    let error = #expect(throws: RegistryError.self) { try key() }
    #expect(error?.description.contains("belongs to user 65533") == true)
    #expect(problem(machine(), "thing").contains("belongs to user 65533"))
  }

  @Test func aRevocationListThatCannotBeReachedIsNotAnEmptyOne() throws {
    try add("thing")
    #expect(problem(machine(), "thing") == "")
    // A link to itself (ELOOP), and one that leads nowhere.
    let list = folder + "/a/keys/revoked.list"
    for target in ["revoked.list", "nowhere"] {
      #expect(symlink(target, list) == 0)
      #expect(problem(machine(), "thing").contains("cannot be read"), "\(target)")
      #expect(unlink(list) == 0)
    }
    #expect(problem(machine(), "thing") == "")
  }

  /// The registry after each step of a rotation that stopped there.
  @Test func anInterruptedRotationLeavesAUsableRegistryAndIsCompleted() throws {
    for name in ["one", "two"] { try add(name, bytes: Array(name.utf8)) }
    let registry = machine()
    let store = try registry.keyStore()
    let (old, next) = (try key(), try store.nextKey())
    #expect(SigningKey.publicText(try key()) == SigningKey.publicText(next))
    try registry.sign("one", "1", with: next)
    #expect(problem(registry, "one") == "" && problem(registry, "two") == "")
    try registry.revoke(key: SigningKey.publicText(try Ed25519.PrivateKey()))
    #expect(problem(registry, "one") == "" && problem(registry, "two") == "")
    let rotation = try registry.rotateKey()
    #expect(rotation.key == SigningKey.publicText(next) && rotation.signed == ["two 1"])
    #expect(rotation.revoked == SigningKey.publicText(old))
    #expect(!FileManager.default.fileExists(atPath: store.nextFile))
    #expect(problem(registry, "one") == "" && problem(registry, "two") == "")
  }

  // MARK: selection

  @Test func selectionsThatNoTrustedKeySignedAreRefused() throws {
    for version in ["1", "2"] { try add("thing", version: version) }
    try add("other", bytes: [6])
    let registry = machine()
    let file = folder + "/models/thing/selection.json"
    try registry.pin("thing", "1", signedWith: try key())
    let signed = try String(contentsOfFile: file, encoding: .utf8)
    func refusal(_ text: String) throws -> String {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: RegistryError.self) { try registry.versionInForce(of: "thing") }
      #expect(error?.code == "model-selection-untrusted")
      return error?.description ?? ""
    }
    // Without a signature, with that of other values, with no values, and one of another model.
    #expect(try refusal("{\"pinned\":\"1\"}").contains("vrbridge models pin thing VERSION"))
    #expect(
      try refusal(signed.replacingOccurrences(of: "\"1\"", with: "\"2\"")).contains("no valid signature"))
    #expect(try refusal("[]").contains("not a selection"))
    try registry.pin("other", "1", signedWith: try key())
    let elsewhere = try String(contentsOfFile: folder + "/models/other/selection.json", encoding: .utf8)
    #expect(try refusal(elsewhere).contains("no valid signature"))
    try registry.pin("thing", "2", signedWith: try Ed25519.PrivateKey())
    #expect(registry.choice(of: "thing").refusal?.description.contains("neither your key nor among") == true)
    // Choosing again replaces it.
    try registry.pin("thing", "2", signedWith: try key())
    #expect(try registry.versionInForce(of: "thing") == "2")
    try registry.pin("thing", "1", canaryShare: 0.125, signedWith: try key())
    #expect(registry.choice(of: "thing").canary?.share == 0.125)
    #expect(try registry.rollBack("thing", signedWith: try key()) == "1")
  }
}
