import Inference
import Speech

/// The models that recognise speech: of the registry, of a server, and for wake words and commands.
package struct RecognitionModels: Sendable {
  /// Recogniser and voice detector of the registry.
  package var speech: SpeechModels
  /// A server's recogniser in place of the registry's; nil for none.
  package var remote: (any SpeechRecogniser)?
  /// Runs the models of wake words and of sentence embeddings.
  package var host: ModelHost

  package init(speech: SpeechModels, remote: (any SpeechRecogniser)?, host: ModelHost) {
    self.speech = speech
    self.remote = remote
    self.host = host
  }
}
