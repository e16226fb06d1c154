import Foundation
import Inference
import Perception

/// `POST /classify/text`: a text to classify into the caller's own classes, each given by a few example phrases.
package struct TextRequest: Decodable {
  var text: String
  var examples: [String: [String]]
  var top: Int?

  private static let maximumExamples = 256
  private static let maximumLength = 4000

  /// Parses a request.
  ///
  /// - Throws: `InferenceError` of kind `input`.
  package static func read(_ body: [UInt8]) throws(InferenceError) -> TextRequest {
    guard let request = try? JSONDecoder().decode(TextRequest.self, from: Data(body)) else {
      throw InferenceError(
        .input, "expected a JSON object {\"text\": \"…\", \"examples\": {\"label\": [\"a phrase\", …], …}}")
    }
    let phrases = request.examples.values.flatMap { $0 }
    guard request.examples.values.count(where: { !$0.isEmpty }) >= 2, phrases.count <= maximumExamples else {
      throw InferenceError(
        .input, "'examples' needs at least two labels with phrases, and at most \(maximumExamples) phrases")
    }
    guard (phrases + [request.text]).allSatisfy({ $0.utf8.count <= maximumLength }) else {
      throw InferenceError(.input, "a text or phrase has at most \(maximumLength) bytes")
    }
    return request
  }

  struct Answer: Encodable {
    struct Label: Encodable {
      var label: String
      var score: Double
      var likeness: Double
    }
    var model: String
    var version: String
    var digest: String
    var label: String
    var score: Double
    var likeness: Double
    var top: [Label]
  }

  func answer(_ embedder: SentenceEmbedder) async throws(InferenceError) -> Answer {
    var learned: [(label: String, vectors: [[Float]])] = []
    for (label, phrases) in examples.sorted(by: { $0.key < $1.key }) {
      learned.append((label, try await embedder.embed(phrases, priority: .request).vectors))
    }
    let (vectors, model) = try await embedder.embed([text], priority: .request)
    guard let head = TextClassifier(learned), let vector = vectors.first else {
      throw InferenceError(.failed, "the examples have no embeddings to learn from; use other phrases")
    }
    let list = head.classify(vector).map {
      Answer.Label(label: $0.label, score: Double($0.share), likeness: Double($0.likeness))
    }
    guard let best = list.first else {
      throw InferenceError(.failed, "the text has no embedding to classify")
    }
    return Answer(
      model: SentenceEmbedder.modelName, version: model.version, digest: model.digest,
      label: best.label, score: best.score, likeness: best.likeness,
      top: Array(list.prefix(min(max(top ?? 5, 1), 1000))))
  }
}
