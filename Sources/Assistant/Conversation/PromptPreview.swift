package import Authorisation
import Dialogue

/// The messages that a question would send to the language model, for inspection before it is asked.
package struct PromptPreview: Sendable {
  package var messages: [ChatMessage] = []
  /// Estimated tokens of all messages.
  package var tokens = 0
  /// The model and its address; empty without a language model.
  package var destination = ""
  /// The recognised command with its argument; empty for a plain question.
  package var intent = ""
  /// Why the client may not give the command; nil where it may.
  package var refusal: AuthorisationError?

  package init() {}

  init(messages: [ChatMessage], tokens: Int, destination: String, intent: Intent?) {
    self.messages = messages
    self.tokens = tokens
    self.destination = destination
    switch (intent, intent?.slot) {
    case (let intent?, nil): self.intent = intent.name
    case (let intent?, let slot?) where intent.name != "ask": self.intent = "\(intent.name): \(slot)"
    default: self.intent = ""
    }
  }
}
