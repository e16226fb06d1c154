import Dialogue
import Inference
import Logging
import Perception

/// Guesses commands that the grammar does not know, by a head on sentence embeddings that learns from examples when it is
/// first asked. Without the model there is no guess, and all else goes on.
actor IntentModel {
  private let embedder: SentenceEmbedder
  private let log: Logger
  /// The head, and the digest of the embedder that it was learned with.
  private var learned: (head: TextClassifier, digest: String)?
  private var hasTold = false

  private static let other = "other"
  /// Share of the likelihood, and cosine to the nearest example, from which a command is believed.
  private static let leastShare = 0.5
  private static let leastLikeness = 0.5

  init(host: ModelHost, log: Logger) {
    embedder = SentenceEmbedder(host: host)
    self.log = log
  }

  /// - Returns: nil without a model; `other` for what is no command.
  func guess(_ text: String) async -> IntentGuess? {
    do throws(InferenceError) {
      let (vectors, model) = try await embedder.embed([text], priority: .service)
      guard let vector = vectors.first, let found = try await head(for: model.digest)?.classify(vector).first
      else {
        return nil
      }
      guard found.label != Self.other, found.share >= Self.leastShare, found.likeness >= Self.leastLikeness
      else {
        return IntentGuess(label: Self.other, confidence: 1 - found.share)
      }
      return IntentGuess(label: found.label, confidence: min(found.share, found.likeness))
    } catch {
      if !hasTold { log.info("commands are known by their letters alone: \(error)") }
      hasTold = true
      return nil
    }
  }

  private func head(for digest: String) async throws(InferenceError) -> TextClassifier? {
    if let learned, learned.digest == digest { return learned.head }
    var examples: [(label: String, vectors: [[Float]])] = []
    for (label, command) in IntentExamples.commands.sorted(by: { $0.key < $1.key }) {
      examples.append((label, try await embedder.embed(command.phrases).vectors))
    }
    examples.append((Self.other, try await embedder.embed(IntentExamples.others).vectors))
    guard let head = TextClassifier(examples) else { return nil }
    learned = (head, digest)
    return head
  }
}
