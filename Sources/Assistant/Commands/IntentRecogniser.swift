import Dialogue

/// Maps a text to a command: by the grammar, then by similarity to examples.
struct IntentRecogniser: Sendable {
  private let classifier = IntentClassifier()
  private let semanticClassifier: IntentModel

  init(semanticClassifier: IntentModel) { self.semanticClassifier = semanticClassifier }

  /// Loads the model of the semantic classifier, so that the first command does not wait for it.
  func warmUp() async { _ = await semanticClassifier.guess("") }

  /// - Parameter isAddressed: only addressed text may be a plain question or go to the semantic classifier.
  /// - Returns: nil for text that is no command and not addressed.
  func match(_ text: String, isAddressed: Bool) async -> IntentMatch? {
    let guess = classifier.isPlain(text) || !isAddressed ? nil : await semanticClassifier.guess(text)
    return classifier.classify(text, isAddressed: isAddressed, guess: guess)
  }
}
