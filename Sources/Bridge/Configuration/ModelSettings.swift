import Assistant
import Devices
import Foundation
import Inference
import Perception
public import Sandbox
import Settings
import Speech
import StrictYAML

/// Folders, trusted keys and session options of models: `models:` in the configuration.
public struct ModelSettings: Sendable, Equatable {
  public var folder: String
  /// Folder or file of the OpenVINO library.
  public var runtime: String
  /// Folder or file of the sherpa-onnx library.
  public var speechRuntime: String
  /// Trusted public keys in addition to the user's own.
  public var trustedKeys: [String] = []
  /// File or systemd credential with the key of encrypted models.
  public var key: String?
  /// Concurrent inferences.
  public var width = 1
  /// Clients with the scope `manage` may load and unload models.
  public var allowsDynamicLoad = false
  public var standard = ModelHost.Setting()
  public var perModel: [String: ModelHost.Setting] = [:]

  public init(environment: [String: String]) {
    folder = ModelRegistry.standardFolder(environment: environment)
    let parent = URL(fileURLWithPath: folder).deletingLastPathComponent()
    func library(_ name: String, _ variable: String) -> String {
      environment[variable].flatMap { $0.isEmpty ? nil : $0 } ?? parent.appendingPathComponent(name).path
    }
    runtime = library("openvino", "VRBRIDGE_OPENVINO")
    speechRuntime = library("sherpa-onnx", "VRBRIDGE_SHERPA_ONNX")
  }

  /// Tasks and decoders of the models that vrbridge runs.
  public static let vocabulary = ModelVocabulary.perception + .speech + .tensors

  /// The installed catalogue. The models of perception tasks are part of `pull --default`.
  public static func catalog() throws(RegistryError) -> ModelCatalog {
    try ModelCatalog.load(
      file: Configuration.modelCatalog, vocabulary: vocabulary, defaults: PerceptionTask.all.models)
  }

  // MARK: registry and host

  /// Lets this process open the libraries of the installed catalogue; the programs call it first.
  public static func trustLibraries() {
    LibraryOrigins.process.trust(
      records: { Set((try? catalog())?.runtimes.map(\.record) ?? []) },
      noting: CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment))
  }

  /// The user's key, which signs added models.
  public static func signingKeyFile(stateFolder: String) -> String { stateFolder + "/keys/models.key" }

  public func registry(stateFolder: String) -> ModelRegistry {
    ModelRegistry(
      folder: folder, trusted: TrustedKeys(Set(trustedKeys)), keyFile: key, vocabulary: Self.vocabulary,
      signingKeys: SigningKeyStore(file: Self.signingKeyFile(stateFolder: stateFolder)),
      catalog: TrustedCatalog { try? Self.catalog() })
  }

  /// The folder of a runtime library of the catalogue.
  public func folder(ofRuntime name: String) -> String { name == "sherpa-onnx" ? speechRuntime : runtime }

  public var localEngine: LocalEngine { LocalEngine(openVINO: runtime, onnxRuntime: speechRuntime) }

  /// The engine that runs models in confined processes.
  ///
  /// - Parameter report: receives messages for the operator.
  public func separateEngine(
    _ sandbox: SandboxSettings, counter: SandboxCounter = SandboxCounter(),
    report: @escaping @Sendable (String) -> Void
  ) -> SeparateEngine {
    var limits = SeparateEngine.Limits()
    limits.running = .milliseconds(sandbox.modelTimeout)
    limits.fallback = sandbox.fallback
    return SeparateEngine(
      openVINO: runtime, onnxRuntime: speechRuntime, limits: limits, counter: counter, report: report)
  }

  /// - Parameters:
  ///   - local: the engine for models of this machine; nil for `localEngine`.
  ///   - remote: the engine for models on servers.
  ///   - report: receives messages for the operator.
  public func host(
    stateFolder: String, local: (any InferenceEngine)? = nil, remote: (any InferenceEngine)?,
    report: @escaping @Sendable (String) -> Void
  ) -> ModelHost {
    ModelHost(
      registry: registry(stateFolder: stateFolder), local: local ?? localEngine, remote: remote,
      standard: standard, settings: perModel, width: width, report: report)
  }
}

extension SpeechSettings {
  /// Returns the registry's recogniser and voice detector, as `speech:` and `models:` configure them.
  public func models(_ settings: ModelSettings, stateFolder: String) -> SpeechModels {
    SpeechModels(
      registry: settings.registry(stateFolder: stateFolder), library: settings.speechRuntime, name: model,
      language: language, threads: threads)
  }
}
