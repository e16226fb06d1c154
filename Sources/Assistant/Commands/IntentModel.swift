import Dialogue
import Inference
import Logging
import Perception

/// Classifies texts that the command grammar does not match, by a classifier on sentence embeddings that is trained on
/// examples at its first use. Without the embedding model only the grammar is used.
actor IntentModel {
  private let embedder: SentenceEmbedder
  private let log: Logger
  /// The classifier, and the digest of the embedding model it was trained with.
  private var trained: (classifier: TextClassifier, digest: String)?
  private var hasLogged = false

  private static let other = "other"
  /// Share of the likelihood from which a command is accepted.
  private static let leastShare = 0.5
  /// Cosine to the nearest example from which a command is accepted.
  private static let leastLikeness = 0.5

  init(host: ModelHost, log: Logger) {
    embedder = SentenceEmbedder(host: host)
    self.log = log
  }

  /// - Returns: nil without a model; `other` for a text that is no command.
  func guess(_ text: String) async -> IntentGuess? {
    do throws(InferenceError) {
      let (vectors, model) = try await embedder.embed([text], priority: .request)
      guard let vector = vectors.first,
        let found = try await classifier(for: model.digest)?.classify(vector).first
      else {
        return nil
      }
      guard found.label != Self.other, found.share >= Self.leastShare, found.likeness >= Self.leastLikeness
      else {
        return IntentGuess(label: Self.other, confidence: 1 - found.share)
      }
      return IntentGuess(label: found.label, confidence: min(found.share, found.likeness))
    } catch {
      if !hasLogged { log.info("commands are matched by their grammar alone: \(error)") }
      hasLogged = true
      return nil
    }
  }

  private func classifier(for digest: String) async throws(InferenceError) -> TextClassifier? {
    if let trained, trained.digest == digest { return trained.classifier }
    var examples: [(label: String, vectors: [[Float]])] = []
    for (label, command) in IntentExamples.commands.sorted(by: { $0.key < $1.key }) {
      examples.append((label, try await embedder.embed(command.phrases).vectors))
    }
    examples.append((Self.other, try await embedder.embed(IntentExamples.others).vectors))
    guard let classifier = TextClassifier(examples) else { return nil }
    trained = (classifier, digest)
    return classifier
  }
}
