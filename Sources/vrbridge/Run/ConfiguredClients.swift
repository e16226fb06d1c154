import Assistant
import Bridge
import Dialogue
import Foundation
import Inference
import InferenceClients
import Logging
import Settings
import Speech

extension RemoteClients {
  /// Creates the clients of the servers that a configuration names.
  ///
  /// - Throws: `SecretError` for a key that cannot be read.
  init(_ configuration: Configuration, log: Logger) throws {
    let processes = ConfinedProcesses(configuration.sandbox.value, configuration.models.value, log: log)
    self.init(
      engine: RemoteEngine(local: processes.engine) { log.warning("\($0)") },
      languageModel: try Self.languageModel(configuration), recogniser: try Self.recogniser(configuration),
      processes: processes)
  }

  /// Returns the language model that answers questions; nil when none is configured.
  static func languageModel(_ configuration: Configuration) throws -> (any LanguageModel)? {
    let settings = configuration.language.value
    guard let address = settings.address else { return nil }
    var options = ChatClient.Options(address: address)
    options.key = try settings.secret(environment: ProcessInfo.processInfo.environment)
    options.firstTimeout = settings.firstTimeout
    options.idleTimeout = settings.idleTimeout
    options.timeout = settings.timeout
    options.retries = settings.retries
    options.quirks = settings.quirks
    return ChatClient(options, name: settings.model)
  }

  /// Returns the client of a transcription server; nil for the registry's model.
  private static func recogniser(_ configuration: Configuration) throws -> (any SpeechRecogniser)? {
    let settings = configuration.speech.value
    guard let server = settings.server else { return nil }
    let key = try server.key.map {
      try SecretFile.read(
        $0, environment: ProcessInfo.processInfo.environment, purpose: "the speech server's key")
    }
    return RemoteRecogniser(
      address: server.address, model: server.model, key: key, language: settings.language)
  }
}
