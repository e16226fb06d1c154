import Foundation
import Inference

/// Embeds sentences: texts of similar meaning get vectors of similar direction.
public struct SentenceEmbedder: Sendable {
  public static let modelName = "sentence-embedding"

  private let host: ModelHost

  public init(host: ModelHost) { self.host = host }

  /// - Returns: a unit vector for each text, and the model; vectors of different models are not comparable.
  /// - Throws: `InferenceError` when the model is missing or unsuitable.
  public func embed(
    _ texts: [String], priority: InferencePriority = .background
  ) async throws(InferenceError) -> (vectors: [[Float]], model: ModelHost.Loaded) {
    let model = try await host.model(Self.modelName)
    guard let tokenizer = WordPieceTokenizer(model.manifest.labels) else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no WordPiece vocabulary as labels")
    }
    var result: [[Float]] = []
    // Padding limits the benefit of larger batches.
    for start in stride(from: 0, to: texts.count, by: Self.batch) {
      let tokens = texts[start..<min(start + Self.batch, texts.count)].map(tokenizer.tokens)
      result += try await embed(tokens, model, priority)
    }
    return (result, model)
  }

  private static let batch = 16

  private func embed(
    _ tokens: [[Int]], _ model: ModelHost.Loaded, _ priority: InferencePriority
  ) async throws(InferenceError) -> [[Float]] {
    let length = tokens.map(\.count).max() ?? 0
    func tensor(_ value: (Int) -> Int64, filling: Int64) -> Tensor? {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(tokens.count * length * 8)
      for row in tokens {
        for index in 0..<length {
          let number = index < row.count ? value(row[index]) : filling
          withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
        }
      }
      return Tensor(type: .int64, shape: [tokens.count, length], bytes: bytes)
    }
    guard let ids = tensor({ Int64($0) }, filling: 0), let mask = tensor({ _ in 1 }, filling: 0) else {
      throw InferenceError(.input, "the texts are too long for a tensor")
    }
    let outputs = try await host.infer(model, [ids, mask], priority: priority)
    guard let output = outputs.first, output.type == .float32, output.shape.count == 2,
      output.shape[0] == tokens.count
    else { throw InferenceError(.model, "'\(model.manifest.name)' has no vector for each text as output") }
    let width = output.shape[1]
    return output.withFloats { values in
      (0..<tokens.count).map { Array(values[$0 * width..<($0 + 1) * width]) }
    } ?? []
  }
}
