import Foundation
import Inference
import Perception

/// `POST /classify/text`: which of the caller's own classes a text is of, learned from a few examples that come with it.
struct TextRequest: Decodable {
  var text: String
  var examples: [String: [String]]
  var top: Int?

  private static let maximumExamples = 256
  private static let maximumLength = 4000

  /// - Throws: `InferenceError` of kind `input` for what is no such request.
  static func read(_ body: [UInt8]) throws(InferenceError) -> TextRequest {
    guard let request = try? JSONDecoder().decode(TextRequest.self, from: Data(body)) else {
      throw InferenceError(
        .input, "expected a JSON object {\"text\": \"…\", \"examples\": {\"label\": [\"a phrase\", …], …}}")
    }
    let phrases = request.examples.values.flatMap { $0 }
    guard request.examples.values.count(where: { !$0.isEmpty }) >= 2, phrases.count <= maximumExamples else {
      throw InferenceError(.input, "examples are of two classes at least, \(maximumExamples) phrases at most")
    }
    guard (phrases + [request.text]).allSatisfy({ $0.utf8.count <= maximumLength }) else {
      throw InferenceError(.input, "a text has \(maximumLength) bytes at most")
    }
    return request
  }

  /// - Returns: the answer as JSON.
  func answer(_ embedder: SentenceEmbedder) async throws(InferenceError) -> String {
    var learned: [(label: String, vectors: [[Float]])] = []
    for (label, phrases) in examples.sorted(by: { $0.key < $1.key }) {
      learned.append((label, try await embedder.embed(phrases, priority: .service).vectors))
    }
    let (vectors, model) = try await embedder.embed([text], priority: .service)
    guard let head = TextClassifier(learned), let vector = vectors.first,
      let best = head.classify(vector).first
    else {
      throw InferenceError(.failed, "the examples give no vectors to learn from")
    }
    let list = head.classify(vector).prefix(min(max(top ?? 5, 1), 1000)).map { found in
      "{\"label\":\(JSONTensor.quoted(found.label)),\"score\":\(found.share),\"likeness\":\(found.likeness)}"
    }
    return
      "{\"model\":\"\(SentenceEmbedder.modelName)\",\"version\":\(JSONTensor.quoted(model.manifest.version)),\"digest\":\"\(model.digest)\",\"label\":\(JSONTensor.quoted(best.label)),\"score\":\(best.share),\"likeness\":\(best.likeness),\"top\":[\(list.joined(separator: ","))]}"
  }
}
