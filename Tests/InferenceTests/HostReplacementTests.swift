import Cryptography
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Inference

/// Versions that are replaced, trials that end, and queues of servers beside that of this process.
struct HostReplacementTests {
  /// Returns the first byte of its model.
  private struct ByteSession: ModelSession {
    var byte: UInt8
    var engine: EngineIdentity { EngineIdentity(name: "byte", version: "1") }
    var inputs: [TensorSpec] { [] }
    var outputs: [TensorSpec] { [TensorSpec(name: "y", type: .uint8, shape: [1])] }
    func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
      Tensor(type: .uint8, shape: [1], bytes: [byte]).map { [$0] } ?? []
    }
  }

  private final class ByteEngine: InferenceEngine {
    /// Called in the middle of a load.
    let onOpen: @Sendable () -> Void
    init(_ onOpen: @escaping @Sendable () -> Void = {}) { self.onOpen = onOpen }

    func open(
      _ model: ModelPackage, _ options: SessionOptions
    ) async throws(InferenceError) -> any ModelSession {
      onOpen()
      return ByteSession(byte: model.files.first?.bytes.first ?? 0)
    }
  }

  private let registry: ModelRegistry
  private let key: Ed25519.PrivateKey

  init() throws {
    let folder = try TestPaths.temporaryFolder()
    let store = SigningKeyStore(file: folder + "/keys/models.key")
    key = try store.signingKey()
    registry = ModelRegistry(folder: folder + "/models", trusted: TrustedKeys(), signingKeys: store)
    try Self.add("1", 1, to: registry, key)
  }

  private static func add(
    _ version: String, _ byte: UInt8, to registry: ModelRegistry, _ key: Ed25519.PrivateKey
  ) throws {
    try registry.add(
      ModelPackage(
        manifest: ModelManifest(name: "thing", version: version, task: .tensors),
        files: [ModelPackage.File(name: "x.onnx", bytes: [byte])]), signedWith: key)
  }

  private func answer(_ host: ModelHost, version: String? = nil) async throws -> [Double] {
    let model = try await host.model("thing", version: version)
    return try await host.infer(model, [], priority: .request)[0].numbers
  }

  @Test(arguments: [nil, "1"])
  func aVersionThatIsAddedAgainIsOpenedAgain(_ version: String?) async throws {
    let host = ModelHost(registry: registry, local: ByteEngine())
    #expect(try await answer(host, version: version) == [1])
    let digest = try await host.model("thing", version: version).digest
    // Between two checks of the folder, so that no check finds it missing.
    try registry.remove("thing", "1")
    try Self.add("1", 2, to: registry, key)
    try await Task.sleep(for: .milliseconds(1100))
    #expect(try await answer(host, version: version) == [2])
    #expect(try await host.model("thing", version: version).digest != digest)
    // Also when nothing looked between for long.
    try await Task.sleep(for: .milliseconds(2500))
    _ = try await answer(host, version: version)
    try registry.remove("thing", "1")
    try Self.add("1", 3, to: registry, key)
    try await Task.sleep(for: .milliseconds(1100))
    #expect(try await answer(host, version: version) == [3])
  }

  @Test func aVersionThatIsReplacedWhileItLoadsIsLoadedAgain() async throws {
    let isFirst = Mutex(true)
    let (registry, key) = (registry, key)
    let host = ModelHost(
      registry: registry,
      local: ByteEngine {
        guard
          isFirst.withLock({ first in
            defer { first = false }
            return first
          })
        else { return }
        try? registry.remove("thing", "1")
        try? Self.add("1", 9, to: registry, key)
      })
    #expect(try await answer(host) == [9])
  }

  @Test func anUnusableReplacementKeepsTheVersionThatRuns() async throws {
    let host = ModelHost(registry: registry, local: ByteEngine())
    #expect(try await answer(host) == [1])
    let manifest = registry.folder + "/thing/1/manifest.yaml"
    try "format: 1\n".write(toFile: manifest, atomically: true, encoding: .utf8)
    try await Task.sleep(for: .milliseconds(1100))
    #expect(try await answer(host) == [1])
  }

  @Test func pinEndsATrial() async throws {
    try Self.add("2", 2, to: registry, key)
    try Self.add("3", 3, to: registry, key)
    for pinned in ["2", nil] {
      try registry.pin("thing", "1", signedWith: key)
      try registry.pin("thing", "3", canaryShare: 0.5, signedWith: key)
      #expect(registry.choice(of: "thing").canary?.version == "3")
      try registry.pin("thing", pinned, signedWith: key)
      let choice = registry.choice(of: "thing")
      #expect(choice.canary == nil && choice.version(among: ["1", "2", "3"], draw: 0) == pinned ?? "3")
    }
    // A share of "the newest at any time" has no version to try.
    #expect(throws: RegistryError.self) {
      try registry.pin("thing", nil, canaryShare: 0.5, signedWith: key)
    }
  }

  // MARK: queues

  /// A server that takes its time, or one that is unavailable.
  private final class SlowSession: RemoteModelSession {
    let engine = EngineIdentity(name: "remote", version: "x")
    var inputs: [TensorSpec] { [] }
    var outputs: [TensorSpec] { [] }
    let servedVersion: String? = "7"
    let fallback: ByteSession?
    init(fallback: ByteSession?) { self.fallback = fallback }

    func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] { [] }
    func attempt(_ tensors: [Tensor]) async throws(InferenceError) -> RemoteOutcome {
      if let fallback { return .fallback(fallback) }
      try? await Task.sleep(for: .milliseconds(400))
      return .answer([], version: "7")
    }
  }

  private struct RemoteEngine: InferenceEngine {
    func open(
      _ model: ModelPackage, _ options: SessionOptions
    ) async throws(InferenceError) -> any ModelSession {
      SlowSession(fallback: model.remote?.name == "down" ? ByteSession(byte: 5) : nil)
    }
  }

  private func host(_ names: [String: String?]) -> ModelHost {
    ModelHost(
      registry: registry, local: ByteEngine(), remote: RemoteEngine(),
      settings: names.mapValues { name in
        var setting = ModelHost.Setting()
        setting.remote = RemoteModel(address: "http://127.0.0.1:1")
        setting.remote?.name = name
        return setting
      })
  }

  @Test func aSlowServerDelaysNoModelOfThisProcess() async throws {
    try registry.add(
      ModelPackage(
        manifest: ModelManifest(name: "far", version: "1", task: .tensors),
        files: [ModelPackage.File(name: "x.onnx", bytes: [4])]), signedWith: key)
    let host = host(["far": nil])
    let far = try await host.model("far")
    #expect(far.version == "7" && far.location == "http://127.0.0.1:1")
    let calls = (0..<24).map { _ in
      Task { try await host.run(far, [], priority: .request, within: .seconds(5)).version }
    }
    try await Task.sleep(for: .milliseconds(50))
    #expect(host.gates.waiting == 16 && host.gates.local.waiting == 0)
    let start = ContinuousClock.now
    #expect(try await answer(host) == [1])
    #expect(ContinuousClock.now - start < .milliseconds(300))
    for call in calls { #expect(try await call.value == "7") }
  }

  @Test func aFallbackRunsInTheQueueOfThisProcess() async throws {
    let host = host(["thing": "down"])
    let model = try await host.model("thing")
    let entered = AsyncStream<Void>.makeStream()
    let blocker = Task {
      try? await host.gates.local.run(.request, within: .seconds(5)) {
        entered.continuation.yield()
        try? await Task.sleep(for: .milliseconds(300))
      }
    }
    for await _ in entered.stream { break }
    let start = ContinuousClock.now
    let result = try await host.run(model, [], priority: .request, within: .seconds(5))
    #expect(result.tensors[0].numbers == [5] && result.version == nil)
    #expect(ContinuousClock.now - start > .milliseconds(150))
    await blocker.value
  }

  @Test func aClientThatNamesAVersionGetsItOrAnError() async throws {
    let host = host(["thing": nil])
    _ = try await host.model("thing", version: "1")
    var setting = ModelHost.Setting()
    setting.remote = RemoteModel(address: "http://127.0.0.1:1")
    setting.remote?.version = "3"
    let other = ModelHost(
      registry: registry, local: ByteEngine(), remote: RemoteEngine(), settings: ["thing": setting])
    _ = try await other.model("thing")
    let error = await #expect(throws: InferenceError.self) { try await other.model("thing", version: "1") }
    #expect(error?.kind == .notFound && error?.description.contains("version 3") == true, "\(error as Any)")
  }
}
