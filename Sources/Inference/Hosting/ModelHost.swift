import Diagnostics
import Foundation
import Synchronization

/// Loads models on demand and runs them: selects the version, loads each once, replaces versions without interruption,
/// and counts runs.
public actor ModelHost {
  /// A loaded version.
  public struct Loaded: Sendable {
    public var manifest: ModelManifest
    /// SHA-256 of the manifest, which covers the files.
    public var digest: String
    public var session: any ModelSession
    /// `local`, or the address of the server that runs the model.
    public var location: String

    /// The version that a server named last; the manifest's for models in this process.
    public var version: String {
      (session as? any RemoteModelSession)?.servedVersion ?? manifest.version
    }
  }

  /// Settings of one model.
  public struct Setting: Sendable, Equatable {
    public var options = SessionOptions()
    /// The server that runs the model; nil for this process.
    public var remote: RemoteModel?

    public init() {}
  }

  private struct Key: Hashable {
    var name: String
    var version: String
    /// Whether a server must run this very version: a client named it.
    var isExact = false
  }

  private struct Stamp: Equatable {
    var versions: [String]
    /// SHA-256 of each version's manifest, which covers the files.
    var digests: [String: String]
    var choice: VersionChoice
    /// State of the user's keys and of the revocation list.
    var trust: String
  }

  /// A version that was opened, and the state of the keys when its manifest was checked.
  private struct Opened: Sendable {
    var model: Loaded
    var trust: String
  }

  private let registry: ModelRegistry
  private let local: any InferenceEngine
  private let remote: (any InferenceEngine)?
  private let standard: Setting
  private let settings: [String: Setting]
  public nonisolated let gates: InferenceGates
  private let report: @Sendable (String) -> Void

  private var loaded: [Key: Loaded] = [:]
  private var loading: [Key: Task<Opened, any Error>] = [:]
  /// Versions that failed to load, with the reason; cleared when the folder changes.
  private var refused: [Key: String] = [:]
  /// The version that serves requests, by model.
  private var current: [String: String] = [:]
  private var checked: [String: (at: ContinuousClock.Instant, stamp: Stamp, files: String?)] = [:]
  private var unloaded: Set<String> = []
  /// Outside the actor's isolation, so that counting an inference needs no hop.
  private nonisolated let metricsByModel = Mutex<[Key: ModelMetrics]>([:])
  /// Results of the last registry check until the next is due, for models without a canary.
  private nonisolated let settled = Mutex<[String: (ready: Loaded, until: ContinuousClock.Instant)]>([:])

  /// Interval of checks of the registry's folder.
  private static let checkInterval = Duration.seconds(1)

  /// - Parameters:
  ///   - remote: the engine for models whose setting names a server.
  ///   - width: concurrent inferences.
  ///   - report: receives messages for the operator.
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
    gates = InferenceGates(width: width)
    self.report = report
  }

  // MARK: models

  /// Returns a loaded model; loads it first if necessary.
  ///
  /// - Parameters:
  ///   - version: nil for the pinned version, the canary or the newest.
  ///   - draw: 0 to 1; selects the canary for its share of the requests.
  public nonisolated func model(
    _ name: String, version: String? = nil, draw: Double? = nil
  ) async throws(InferenceError) -> Loaded {
    if version == nil, let known = settled.withLock({ $0[name] }), ContinuousClock.now < known.until,
      !known.ready.session.isLost
    {
      return known.ready
    }
    return try await find(name, version, draw ?? .random(in: 0..<1))
  }

  private func find(
    _ name: String, _ version: String?, _ draw: Double
  ) async throws(InferenceError) -> Loaded {
    guard !unloaded.contains(name) else {
      throw InferenceError(.unavailable, "the model '\(name)' is unloaded; load it first")
    }
    dropLost(name)
    if let version {
      guard check(name).versions.contains(version) || registry.versions(of: name).contains(version) else {
        throw InferenceError(.notFound, "the model '\(name)' has no version \(version)")
      }
      return try await load(Key(name: name, version: version, isExact: isRemote(name)))
    }
    let stamp = check(name)
    guard let wanted = stamp.choice.version(among: stamp.versions, draw: draw) else {
      // A selection that was altered does not stop the version that runs.
      if stamp.choice.refusal != nil, let old = current[name],
        let ready = loaded[Key(name: name, version: old)]
      {
        return ready
      }
      throw missing(name, stamp)
    }
    let key = Key(name: name, version: wanted)
    if let ready = loaded[key] {
      if draw >= (stamp.choice.canary?.share ?? 0) { retire(all: name, but: wanted, stamp) }
      if stamp.choice.canary == nil, let at = checked[name]?.at {
        settled.withLock { $0[name] = (ready, at + Self.checkInterval) }
      }
      return ready
    }
    // The previous version serves requests while another one loads.
    if let old = current[name], let ready = loaded[Key(name: name, version: old)] {
      if loading[key] == nil, refused[key] == nil {
        Task { _ = try? await load(key) }
      }
      return ready
    }
    return try await load(key)
  }

  private func missing(_ name: String, _ stamp: Stamp) -> InferenceError {
    if let refusal = stamp.choice.refusal { return InferenceError(.model, refusal.description) }
    if let pinned = stamp.choice.pinned {
      return InferenceError(
        .notFound, "the model '\(name)' is pinned to version \(pinned), which is not in \(registry.folder)")
    }
    return InferenceError(
      .notFound, "the model '\(name)' is not in \(registry.folder); get it with: vrbridge models pull \(name)"
    )
  }

  private func check(_ name: String) -> Stamp {
    let now = ContinuousClock.now
    if let known = checked[name], now - known.at < Self.checkInterval { return known.stamp }
    let files = registry.selectionStamp(of: name, checked[name]?.stamp.versions ?? [])
    if let known = checked[name], files != nil, known.files == files {
      checked[name]?.at = now
      return known.stamp
    }
    let versions = registry.versions(of: name)
    let stamp = Stamp(
      versions: versions, digests: registry.digests(of: name, versions), choice: registry.choice(of: name),
      trust: registry.trustStamp)
    if let known = checked[name], known.stamp != stamp {
      unsettle(name)
      if let refusal = stamp.choice.refusal, refusal != known.stamp.choice.refusal {
        report(refusal.description)
      }
      if known.stamp.trust != stamp.trust { dropUntrusted(name) }
      // A version that failed to load may have been replaced.
      refused = refused.filter { $0.key.name != name }
      for key in loaded.keys where key.name == name && !stamp.versions.contains(key.version) {
        loaded[key] = nil
      }
    }
    dropReplaced(name, stamp)
    // Clients choose names; those without a model are not stored, so that memory stays bounded.
    checked[name] = stamp.versions.isEmpty ? nil : (now, stamp, files)
    return stamp
  }

  /// Unloads the versions of a model that are no longer trusted.
  private func dropUntrusted(_ name: String) {
    for key in loaded.keys where key.name == name {
      guard let problem = registry.entry(name, key.version, deep: false).problem else { continue }
      loaded[key] = nil
      report("model \(name): version \(key.version) is unloaded: \(problem)")
    }
  }

  /// Unloads the versions that were removed and added again with other contents, provided that these are usable.
  private func dropReplaced(_ name: String, _ stamp: Stamp) {
    for (key, old) in loaded where key.name == name {
      guard let digest = stamp.digests[key.version], digest != old.digest,
        registry.entry(name, key.version, deep: false).problem == nil
      else { continue }
      loaded[key] = nil
      report("model \(name): version \(key.version) is opened again: its contents were replaced")
    }
  }

  private func isRemote(_ name: String) -> Bool {
    remote != nil && (settings[name] ?? standard).remote != nil
  }

  /// Forgets the sessions of a model whose process has ended, so that they are opened again.
  private func dropLost(_ name: String) {
    for (key, lost) in loaded where key.name == name && lost.session.isLost {
      loaded[key] = nil
      unsettle(name)
      let reason = lost.location == "local" ? "its process ended" : "its server runs another version"
      report("model \(name): version \(key.version) is opened again: \(reason)")
    }
  }

  private func unsettle(_ name: String) { settled.withLock { $0[name] = nil } }

  private func retire(all name: String, but version: String, _ stamp: Stamp) {
    guard current[name] != version else { return }
    if let old = current[name] {
      report("model \(name): version \(version) replaces \(old)")
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
        let trust = registry.trustStamp
        do throws(RegistryError) {
          (package, digest) = try registry.package(key.name, key.version)
        } catch {
          throw InferenceError(.model, error.description)
        }
        if var server = setting.remote, let remote {
          if key.isExact { try server.pin(key.version, of: key.name) }
          var package = package
          package.remote = server
          if !server.fallsBack { package.files = [] }
          let session = try await remote.open(package, setting.options)
          return Opened(
            model: Loaded(
              manifest: package.manifest, digest: digest, session: session, location: server.address),
            trust: trust)
        }
        let session = try await local.open(package, setting.options)
        try package.manifest.check(session)
        // An open first dimension may be a time or a list of points.
        let batching = package.hasIndependentRows ? BatchingSession(session) : nil
        return Opened(
          model: Loaded(
            manifest: package.manifest, digest: digest, session: batching ?? session, location: "local"),
          trust: trust)
      }
    loading[key] = task
    do {
      let opened = try await task.value
      let ready = opened.model
      // A revocation since then: the check that unloads revoked versions does not find one that is still loading.
      if registry.trustStamp != opened.trust,
        let problem = registry.entry(key.name, key.version, deep: false).problem
      {
        throw InferenceError(.model, problem)
      }
      loading[key] = nil
      // Replaced meanwhile.
      if let digest = registry.digests(of: key.name, [key.version])[key.version], digest != ready.digest {
        return try await load(key)
      }
      loaded[key] = ready
      if current[key.name] == nil, !key.isExact { current[key.name] = key.version }
      return ready
    } catch {
      loading[key] = nil
      let fault = error as? InferenceError ?? InferenceError(.model, error.reason)
      // Only an unusable model is remembered: a missing library may be installed before the next attempt.
      if fault.kind == .model, refused[key] == nil {
        refused[key] = fault.description
        report(fault.description)
      }
      throw fault
    }
  }

  // MARK: running

  /// Runs a model when its queue admits it, and counts the run.
  public nonisolated func infer(
    _ model: Loaded, _ tensors: [Tensor], priority: InferencePriority, within limit: Duration = .seconds(2)
  ) async throws(InferenceError) -> [Tensor] {
    try await run(model, tensors, priority: priority, within: limit).tensors
  }

  /// Like `infer`, with the version that ran.
  public nonisolated func run(
    _ model: Loaded, _ tensors: [Tensor], priority: InferencePriority, within limit: Duration
  ) async throws(InferenceError) -> InferenceResult {
    let start = ContinuousClock.now
    do throws(InferenceError) {
      let result = try await gates.run(model, tensors, priority, within: limit)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      note(model) { $0.count(seconds: seconds) }
      return result
    } catch {
      note(model) { metrics in
        if error.kind == .late { metrics.dropped += 1 } else { metrics.failures += 1 }
      }
      throw error
    }
  }

  private nonisolated func note(_ model: Loaded, _ change: (inout ModelMetrics) -> Void) {
    let key = Key(name: model.manifest.name, version: model.manifest.version)
    metricsByModel.withLock { change(&$0[key, default: ModelMetrics()]) }
  }

  // MARK: repository index

  public struct Row: Sendable {
    public var name: String
    public var version: String
    /// READY, LOADING, UNAVAILABLE or AVAILABLE.
    public var state: String
    public var reason: String
    public var metrics: ModelMetrics
  }

  /// Metrics of all versions that have run. Does not read the registry.
  public var metrics: [(name: String, version: String, metrics: ModelMetrics)] {
    metricsByModel.withLock { $0 }.map { ($0.key.name, $0.key.version, $0.value) }
      .sorted { ($0.name, $0.version) < ($1.name, $1.version) }
  }

  public func index() -> [Row] {
    let metrics = metricsByModel.withLock { $0 }
    return registry.entries().map { entry in
      let key = Key(name: entry.name, version: entry.version)
      let state: String
      var reason = ""
      let exact = Key(name: entry.name, version: entry.version, isExact: true)
      if loaded[key] ?? loaded[exact] != nil, !unloaded.contains(key.name) {
        state = "READY"
      } else if loading[key] != nil {
        state = "LOADING"
      } else if let problem = entry.problem ?? refused[key] {
        (state, reason) = ("UNAVAILABLE", problem)
      } else {
        state = "AVAILABLE"
        reason = unloaded.contains(key.name) ? "unloaded" : "loaded on demand"
      }
      return Row(
        name: key.name, version: key.version, state: state, reason: reason,
        metrics: metrics[key] ?? ModelMetrics())
    }
  }

  /// Reads the registry again for a model and loads it.
  public func reload(_ name: String) async throws(InferenceError) {
    unloaded.remove(name)
    refused = refused.filter { $0.key.name != name }
    checked[name] = nil
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
