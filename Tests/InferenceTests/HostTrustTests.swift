import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Inference

/// Changes of trust while models run: revocation, rotation, an altered selection.
struct HostTrustTests {
  private struct FixedSession: ModelSession {
    var engine: EngineIdentity { EngineIdentity(name: "fixed", version: "1") }
    var inputs: [TensorSpec] { [] }
    var outputs: [TensorSpec] { [] }
    func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] { tensors }
  }

  private struct FixedEngine: InferenceEngine {
    func open(
      _ model: ModelPackage, _ options: SessionOptions
    ) async throws(InferenceError) -> any ModelSession { FixedSession() }
  }

  private final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func contains(_ part: String) -> Bool { lines.withLock { $0.contains { $0.contains(part) } } }
  }

  private let registry: ModelRegistry
  private let key: Ed25519.PrivateKey
  private let log = Log()
  private let host: ModelHost

  init() throws {
    let folder = try TestPaths.temporaryFolder()
    let store = SigningKeyStore(file: folder + "/keys/models.key")
    key = try store.signingKey()
    registry = ModelRegistry(folder: folder + "/models", trusted: TrustedKeys(), signingKeys: store)
    for version in ["1", "2"] {
      try registry.add(
        ModelPackage(
          manifest: ModelManifest(name: "thing", version: version, task: .tensors),
          files: [ModelPackage.File(name: "x.onnx", bytes: Array(version.utf8))]), signedWith: key)
    }
    host = ModelHost(registry: registry, local: FixedEngine()) { [log] in log.add($0) }
  }

  /// The registry is read once a second.
  private func wait() async throws { try await Task.sleep(for: .milliseconds(1100)) }

  @Test func aRevokedVersionThatRunsIsUnloaded() async throws {
    #expect(try await host.model("thing").manifest.version == "2")
    try registry.revoke("thing", "2", reason: "poisoned")
    try await wait()
    let error = await #expect(throws: InferenceError.self) { try await host.model("thing") }
    #expect(error?.description.contains("was revoked on") == true, "\(error as Any)")
    #expect(log.contains("version 2 is unloaded"))
    // The command that the message names.
    try registry.pin("thing", "1", signedWith: key)
    try await wait()
    #expect(try await host.model("thing").manifest.version == "1")
  }

  @Test func aRotationDoesNotStopAModel() async throws {
    let before = try await host.model("thing")
    let rotation = try registry.rotateKey()
    #expect(rotation.problems.isEmpty)
    try await wait()
    #expect(try await host.model("thing").digest == before.digest)
    #expect(!log.contains("unloaded"))
    // A version that is loaded later was signed with the new key.
    #expect(try await host.model("thing", version: "1").manifest.version == "1")
  }

  @Test func anAlteredSelectionKeepsTheVersionThatRuns() async throws {
    #expect(try await host.model("thing").manifest.version == "2")
    let file = registry.folder + "/thing/selection.json"
    try "{\"pinned\":\"1\"}".write(toFile: file, atomically: true, encoding: .utf8)
    try await wait()
    #expect(try await host.model("thing").manifest.version == "2")
    #expect(log.contains("has no valid signature"))
    // A bridge that starts now has no version to keep.
    let other = ModelHost(registry: registry, local: FixedEngine())
    let error = await #expect(throws: InferenceError.self) { try await other.model("thing") }
    #expect(error?.description.contains("vrbridge models pin thing") == true, "\(error as Any)")
  }

  /// An engine that waits in the middle of a load.
  private final class GatedEngine: InferenceEngine {
    let opened = AsyncStream<Void>.makeStream()
    let gate = AsyncStream<Void>.makeStream()

    func open(
      _ model: ModelPackage, _ options: SessionOptions
    ) async throws(InferenceError) -> any ModelSession {
      opened.continuation.yield()
      for await _ in gate.stream { break }
      return FixedSession()
    }
  }

  @Test func aRevocationDuringALoadIsNotMissed() async throws {
    let engine = GatedEngine()
    let host = ModelHost(registry: registry, local: engine)
    let loading = Task { try await host.model("thing").manifest.version }
    for await _ in engine.opened.stream { break }
    // The files were read and trusted.
    try registry.revoke("thing", "2", reason: "poisoned")
    engine.gate.continuation.yield()
    let error = await #expect(throws: InferenceError.self) { try await loading.value }
    #expect(error?.description.contains("was revoked on") == true, "\(error as Any)")
  }
}
