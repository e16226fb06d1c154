import ArgumentParser
import Bridge
import Cryptography
import Devices
import Foundation
import Inference

/// Options of commands that open models.
package struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Use this folder of models (default: 'models: folder' of the configuration).", valueName: "folder"),
    completion: .directory)
  package var models: String?

  @Option(
    help: ArgumentHelp(
      "Read this configuration file (default: ~/.config/vrbridge/vrbridge.yaml; for root and the service then /etc/vrbridge/vrbridge.yaml).",
      valueName: "file"), completion: .file())
  package var config: String?

  package init() {}

  /// Sections of the bridge's outputs, which the same file holds.
  private static let outputs = ["foxglove", "http", "interop"]

  package func configuration() throws -> Configuration {
    var configuration = Configuration()
    try configuration.applyFile(config, unused: Self.outputs)
    if let models { configuration.models.value.folder = models }
    return configuration
  }

  package func settings() throws -> ModelSettings { try configuration().models.value }

  package var stateFolder: String {
    CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment)
  }

  package func host() throws -> ModelHost {
    let configuration = try configuration()
    let (models, sandbox) = (configuration.models.value, configuration.sandbox.value)
    let report: @Sendable (String) -> Void = { Terminal.complain("vrbridge: \($0)") }
    return models.host(
      stateFolder: stateFolder,
      local: sandbox.models == .separate ? models.separateEngine(sandbox, report: report) : nil, remote: nil,
      report: report)
  }

  package func registry() throws -> ModelRegistry { try settings().registry(stateFolder: stateFolder) }

  package func signingKey() throws -> Ed25519.PrivateKey {
    try SigningKeyStore(file: ModelSettings.signingKeyFile(stateFolder: stateFolder)).signingKey()
  }

  /// Returns the given version when the registry has it; without one the active version, else the newest.
  package func version(_ name: String, _ given: String?, _ registry: ModelRegistry) throws -> String {
    let versions = registry.versions(of: name)
    if let given {
      guard versions.contains(given) else {
        throw CommandError(
          "unknown-version",
          "model '\(name)' has no version '\(given)'; installed versions: \(versions.isEmpty ? "none" : versions.joined(separator: ", "))"
        )
      }
      return given
    }
    let choice = registry.choice(of: name)
    if let refusal = choice.refusal { throw refusal }
    guard let chosen = choice.version(among: versions, draw: 1) ?? versions.last else {
      throw CommandError("unknown-model", "there is no model '\(name)' in \(registry.folder)")
    }
    return chosen
  }
}
