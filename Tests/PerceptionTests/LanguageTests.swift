import Foundation
import Inference
import TestSupport
import Testing

@testable import Perception

/// Tokenizer, sentence embeddings and classification of texts.
struct LanguageTests {
  /// Results of Hugging Face tokenizers 0.21 with the model's tokenizer.json.
  private static let tokens: [(String, [Int])] = [
    ("Put the scene in front of me.", [101, 2404, 1996, 3496, 1999, 2392, 1997, 2033, 1012, 102]),
    (
      "naïve Café — 5°C, don't!",
      [101, 15743, 7668, 1517, 1019, 7737, 2278, 1010, 2123, 1005, 1056, 999, 102]
    ),
    ("東京 tower", [101, 1879, 1755, 3578, 102]),
    (
      "antidisestablishmentarianism xyzzyqux",
      [101, 3424, 10521, 4355, 7875, 13602, 3672, 12199, 2964, 1060, 2100, 28753, 28940, 2595, 102]
    ),
    ("", [101, 102]),
    (
      "a\tb\u{0}c\u{200B}d  ẞtraße ÅNGSTRÖM",
      [101, 1037, 4647, 2094, 1096, 6494, 17499, 17076, 15687, 102]
    ),
    (String(repeating: "x", count: 120) + " end", [101, 100, 2203, 102]),
    (
      "100% $5.00 (e.g. [ok])",
      [101, 2531, 1003, 1002, 1019, 1012, 4002, 1006, 1041, 1012, 1043, 1012, 1031, 7929, 1033, 1007, 102]
    ),
  ]

  @Test(.enabled(if: Models.areHere, "needs the fetched models")) func tokensEqualThoseOfTokenizers()
    async throws
  {
    let model = try await TestHost.make().model(SentenceEmbedder.modelName)
    let tokenizer = try #require(WordPieceTokenizer(model.manifest.labels))
    for (text, expected) in Self.tokens { #expect(tokenizer.tokens(text) == expected, "\(text)") }
    // A long text is cut, and ends as it must.
    let long = tokenizer.tokens(String(repeating: "one two three ", count: 500))
    #expect(long.count == 256 && long.first == 101 && long.last == 102)
  }

  /// Flax's BERT (transformers 4.49) on the same weights, mean over tokens, length 1: the first six numbers.
  @Test(.enabled(if: Models.areHere, "needs the fetched models")) func embeddingsEqualThoseOfFlax()
    async throws
  {
    let expected: [(String, [Float])] = [
      ("put the scene in front of me", [0.018093, 0.009010, -0.025774, -0.030069, 0.092506, 0.013011]),
      ("recenter the view", [-0.031523, -0.015348, -0.008449, -0.006757, 0.068571, 0.157185]),
      ("the cat sat on the mat", [0.130402, -0.011870, -0.028117, 0.051239, -0.055974, 0.030192]),
    ]
    let embedder = SentenceEmbedder(host: TestHost.make())
    // Together, of different lengths: what fills up the shorter ones must not count.
    let vectors = try await embedder.embed(expected.map(\.0)).vectors
    for (vector, (text, numbers)) in zip(vectors, expected) {
      #expect(vector.count == 384)
      for (a, b) in zip(vector, numbers) { #expect(abs(a - b) < 2e-4, "\(text): \(a) and \(b)") }
    }
    func cosine(_ a: Int, _ b: Int) -> Float { zip(vectors[a], vectors[b]).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(abs(cosine(0, 1) - 0.24368) < 1e-3 && abs(cosine(0, 2) - 0.08699) < 1e-3)
    #expect(try await embedder.embed([]).vectors.isEmpty)
  }

  @Test func theClassifierLearnsFromFewExamples() throws {
    func vector(_ x: Float, _ y: Float, _ z: Float) -> [Float] {
      let length = (x * x + y * y + z * z).squareRoot()
      return [x / length, y / length, z / length]
    }
    let head = try #require(
      TextClassifier([
        ("east", [vector(1, 0.1, 0), vector(1, -0.1, 0.1), vector(1, 0, -0.2)]),
        ("north", [vector(0, 1, 0)]), ("nothing", []), ("up", [vector(0.1, 0, 1), vector(-0.1, 0.1, 1)]),
      ]))
    for (label, probe) in [
      ("east", vector(1, 0.2, 0.2)), ("north", vector(0.2, 1, 0.1)), ("up", vector(0, 0.2, 1)),
    ] {
      let found = try #require(head.classify(probe).first)
      #expect(found.label == label && found.share > 0.6 && found.likeness > 0.9, "\(found)")
    }
    #expect(try #require(head.classify(vector(-1, -1, -1)).first).likeness < 0)
    #expect(head.classify([1, 0]).isEmpty && head.classify(vector(1, 0, 0)).map(\.label).count == 3)
    #expect(TextClassifier([("one", [[1, 0]])]) == nil)
    #expect(TextClassifier([("one", [[1, 0]]), ("two", [[1]])]) == nil)
  }

  @Test func textsOfAllScriptsAreTokenized() {
    let tokenizer = WordPieceTokenizer(["[UNK]", "[CLS]", "[SEP]", "a", "##b", "é", "🚀", "."])
    #expect(tokenizer?.tokens("ab. 🚀 c") == [1, 3, 4, 7, 6, 0, 2])
    #expect(WordPieceTokenizer(["a"]) == nil)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      let bytes = (0..<60).map { _ in UInt8.random(in: 0...255, using: &random) }
      let tokens = tokenizer?.tokens(String(decoding: bytes, as: UTF8.self)) ?? []
      #expect(tokens.first == 1 && tokens.last == 2 && tokens.count <= 256)
    }
  }
}
