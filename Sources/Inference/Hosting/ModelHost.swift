import Foundation
import Synchronization

/// Keeps models ready: finds the version that is to run, loads it once, swaps it for another while the old one goes
/// on, and counts what each does.
public actor ModelHost {
  /// A version that is ready.
  public struct Loaded: Sendable {
    public var manifest: ModelManifest
    /// Of the manifest, which covers the files.
    public var digest: String
    public var session: any ModelSession
    /// Where it runs: `local`, or the server's address.
    public var place: String
  }

  /// How one model is run.
  public struct Setting: Sendable, Equatable {
    public var options = SessionOptions()
    /// Of a server that has the model; nil to run it here.
    public var remote: RemoteModel?

    public init() {}
  }

  private struct Key: Hashable {
    var name: String
    var version: String
  }

  private struct Stamp: Equatable {
    var versions: [String]
    var choice: VersionChoice
  }

  private let registry: ModelRegistry
  private let local: any InferenceEngine
  private let remote: (any InferenceEngine)?
  private let standard: Setting
  private let settings: [String: Setting]
  public nonisolated let gate: InferenceGate
  private let report: @Sendable (String) -> Void

  private var loaded: [Key: Loaded] = [:]
  private var loading: [Key: Task<Loaded, any Error>] = [:]
  /// What could not be loaded, by the state of the folder in which it was tried.
  private var refused: [Key: String] = [:]
  /// The version that each model's users get now.
  private var current: [String: String] = [:]
  private var looked: [String: (at: ContinuousClock.Instant, stamp: Stamp)] = [:]
  private var unloaded: Set<String> = []
  /// Counted without a turn of the actor: inferences are many.
  private nonisolated let figuresByModel = Mutex<[Key: ModelFigures]>([:])
  /// What the last look at the registry found, until the next is due; for models without a canary.
  private nonisolated let settled = Mutex<[String: (ready: Loaded, until: ContinuousClock.Instant)]>([:])

  /// How often the registry's folder is looked at for changes.
  private static let lookInterval = Duration.seconds(1)

  /// - Parameters:
  ///   - remote: runs the models that a setting says run on a server.
  ///   - width: inferences at a time.
  ///   - report: is told what an operator should know.
  public init(
    registry: ModelRegistry, local: any InferenceEngine, remote: (any InferenceEngine)? = nil,
    standard: Setting = Setting(), settings: [String: Setting] = [:], width: Int = 1,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.registry = registry
    self.local = local
    self.remote = remote
    self.standard = standard
    self.settings = settings
    gate = InferenceGate(width: width)
    self.report = report
  }

  // MARK: models

  /// A model that is ready, or is made so.
  ///
  /// - Parameters:
  ///   - version: nil for the one that is pinned, tried for a share, or newest.
  ///   - draw: 0 to 1; decides whether this request is one of the canary's share.
  public nonisolated func model(
    _ name: String, version: String? = nil, draw: Double? = nil
  ) async throws(InferenceError) -> Loaded {
    if version == nil, let known = settled.withLock({ $0[name] }), ContinuousClock.now < known.until {
      return known.ready
    }
    return try await find(name, version, draw ?? .random(in: 0..<1))
  }

  private func find(
    _ name: String, _ version: String?, _ draw: Double
  ) async throws(InferenceError) -> Loaded {
    guard !unloaded.contains(name) else {
      throw InferenceError(.unavailable, "the model '\(name)' is unloaded")
    }
    if let version {
      guard look(at: name).versions.contains(version) || registry.versions(of: name).contains(version) else {
        throw InferenceError(.notFound, "there is no model '\(name)' of version \(version)")
      }
      return try await load(Key(name: name, version: version))
    }
    let stamp = look(at: name)
    guard let wanted = stamp.choice.version(among: stamp.versions, draw: draw) else {
      throw missing(name, stamp)
    }
    let key = Key(name: name, version: wanted)
    if let ready = loaded[key] {
      if draw >= (stamp.choice.canary?.share ?? 0) { retire(all: name, but: wanted, stamp) }
      if stamp.choice.canary == nil, let at = looked[name]?.at {
        settled.withLock { $0[name] = (ready, at + Self.lookInterval) }
      }
      return ready
    }
    // While another version gets ready, who asks is served by the one that was.
    if let old = current[name], let ready = loaded[Key(name: name, version: old)] {
      if loading[key] == nil, refused[key] == nil {
        Task { _ = try? await load(key) }
      }
      return ready
    }
    return try await load(key)
  }

  private func missing(_ name: String, _ stamp: Stamp) -> InferenceError {
    if let pinned = stamp.choice.pinned {
      return InferenceError(
        .notFound, "the model '\(name)' is pinned to version \(pinned), which is not in \(registry.folder)")
    }
    return InferenceError(
      .notFound, "the model '\(name)' is not in \(registry.folder); get it with: vrbridge models pull \(name)"
    )
  }

  private func look(at name: String) -> Stamp {
    let now = ContinuousClock.now
    if let known = looked[name], now - known.at < Self.lookInterval { return known.stamp }
    let stamp = Stamp(versions: registry.versions(of: name), choice: registry.choice(of: name))
    if let known = looked[name], known.stamp != stamp {
      unsettle(name)
      // What failed may be another file now.
      refused = refused.filter { $0.key.name != name }
      for key in loaded.keys where key.name == name && !stamp.versions.contains(key.version) {
        loaded[key] = nil
      }
    }
    // Names that nobody has are anybody's to make up: they are not kept.
    looked[name] = stamp.versions.isEmpty ? nil : (now, stamp)
    return stamp
  }

  private func unsettle(_ name: String) { settled.withLock { $0[name] = nil } }

  private func retire(all name: String, but version: String, _ stamp: Stamp) {
    guard current[name] != version else { return }
    if let old = current[name] {
      report("model \(name): version \(version) in place of \(old)")
      if stamp.choice.canary?.version != old { loaded[Key(name: name, version: old)] = nil }
    }
    current[name] = version
  }

  private func load(_ key: Key) async throws(InferenceError) -> Loaded {
    if let ready = loaded[key] { return ready }
    if let problem = refused[key] { throw InferenceError(.model, problem) }
    let setting = settings[key.name] ?? standard
    let task =
      loading[key]
      ?? Task { [registry, local, remote] in
        let package: ModelPackage
        let digest: String
        do throws(RegistryError) {
          (package, digest) = try registry.package(key.name, key.version)
        } catch {
          throw InferenceError(.model, error.description)
        }
        if let place = setting.remote, let remote {
          var package = package
          package.remote = place
          if !place.fallsBack { package.files = [] }
          let session = try await remote.open(package, setting.options)
          return Loaded(
            manifest: package.manifest, digest: digest, session: session, place: place.address)
        }
        let session = try await local.open(package, setting.options)
        try package.manifest.check(session)
        return Loaded(
          manifest: package.manifest, digest: digest, session: BatchingSession(session) ?? session,
          place: "local")
      }
    loading[key] = task
    do {
      let ready = try await task.value
      loading[key] = nil
      loaded[key] = ready
      if current[key.name] == nil { current[key.name] = key.version }
      return ready
    } catch {
      loading[key] = nil
      let fault = error as? InferenceError ?? InferenceError(.model, String(describing: error))
      // A library that is missing may be there the next time; a model that can't be read stays so.
      if fault.kind == .model, refused[key] == nil {
        refused[key] = fault.description
        report(fault.description)
      }
      throw fault
    }
  }

  // MARK: running

  /// Runs a model through the gate and counts it.
  public nonisolated func infer(
    _ model: Loaded, _ tensors: [Tensor], priority: InferencePriority, within patience: Duration = .seconds(2)
  ) async throws(InferenceError) -> [Tensor] {
    let start = ContinuousClock.now
    do throws(InferenceError) {
      let result = try await gate.run(priority, within: patience) { () throws(InferenceError) in
        try await model.session.infer(tensors)
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      note(model) { $0.count(seconds: seconds) }
      return result
    } catch {
      note(model) { figures in
        if error.kind == .late { figures.dropped += 1 } else { figures.failures += 1 }
      }
      throw error
    }
  }

  private nonisolated func note(_ model: Loaded, _ change: (inout ModelFigures) -> Void) {
    let key = Key(name: model.manifest.name, version: model.manifest.version)
    figuresByModel.withLock { change(&$0[key, default: ModelFigures()]) }
  }

  // MARK: the repository's states

  public struct Row: Sendable {
    public var name: String
    public var version: String
    /// READY, LOADING, UNAVAILABLE or AVAILABLE.
    public var state: String
    public var reason: String
    public var figures: ModelFigures
  }

  /// Of versions that have run, without a look at the registry.
  public var figures: [(name: String, version: String, figures: ModelFigures)] {
    figuresByModel.withLock { $0 }.map { ($0.key.name, $0.key.version, $0.value) }
      .sorted { ($0.name, $0.version) < ($1.name, $1.version) }
  }

  public func index() -> [Row] {
    let figures = figuresByModel.withLock { $0 }
    return registry.entries().map { entry in
      let key = Key(name: entry.name, version: entry.version)
      let state: String
      var reason = ""
      if loaded[key] != nil, !unloaded.contains(key.name) {
        state = "READY"
      } else if loading[key] != nil {
        state = "LOADING"
      } else if let problem = entry.problem ?? refused[key] {
        (state, reason) = ("UNAVAILABLE", problem)
      } else {
        state = "AVAILABLE"
        reason = unloaded.contains(key.name) ? "unloaded" : "loaded when it is asked for"
      }
      return Row(
        name: key.name, version: key.version, state: state, reason: reason,
        figures: figures[key] ?? ModelFigures())
    }
  }

  /// Reads the registry again for a model and makes it ready.
  public func reload(_ name: String) async throws(InferenceError) {
    unloaded.remove(name)
    refused = refused.filter { $0.key.name != name }
    looked[name] = nil
    unsettle(name)
    _ = try await model(name, draw: 1)
  }

  public func unload(_ name: String) throws(InferenceError) {
    guard !registry.versions(of: name).isEmpty else {
      throw InferenceError(.notFound, "there is no model '\(name)'")
    }
    unloaded.insert(name)
    unsettle(name)
    loaded = loaded.filter { $0.key.name != name }
    current[name] = nil
  }

  public nonisolated func versions(of name: String) -> [String] { registry.versions(of: name) }
}
