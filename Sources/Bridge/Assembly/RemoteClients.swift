public import Dialogue
public import Inference
public import Speech

/// Clients of other servers that a bridge uses; each is optional.
public struct RemoteClients: Sendable {
  /// Runs the models that the configuration assigns to a server; nil runs all models in process.
  public var engine: (any InferenceEngine)?
  /// Answers questions; nil for none.
  public var languageModel: (any LanguageModel)?
  /// Transcribes speech; nil for the registry's recogniser.
  public var recogniser: (any SpeechRecogniser)?

  /// The processes in which the engine runs models that no server runs; nil for those of the configuration.
  public var processes: ConfinedProcesses?

  public init(
    engine: (any InferenceEngine)? = nil, languageModel: (any LanguageModel)? = nil,
    recogniser: (any SpeechRecogniser)? = nil, processes: ConfinedProcesses? = nil
  ) {
    self.processes = processes
    self.engine = engine
    self.languageModel = languageModel
    self.recogniser = recogniser
  }
}
