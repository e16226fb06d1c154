import Foundation

/// Multinomial logistic regression on sentence embeddings, trained with a few examples of each class.
///
/// The result includes the similarity to the nearest example, so that callers can reject texts unlike all examples.
public struct TextClassifier: Sendable {
  private let classes: [String]
  private let examples: [(vector: [Float], index: Int)]
  /// The weight of each example in the score of each class, in example-major order. Training in this dual form requires
  /// only the inner products of the examples.
  private var shares: [Double]
  private var biases: [Double]

  /// Number and size of gradient descent steps. The loss is convex, so larger values only cost time.
  private static let steps = 150
  private static let rate = 4.0
  private static let decay = 1e-3

  /// - Parameter examples: unit vectors by class; classes without examples are ignored.
  /// - Returns: nil for fewer than two classes or vectors of different lengths.
  public init?(_ examples: [(label: String, vectors: [[Float]])]) {
    let given = examples.filter { !$0.vectors.isEmpty }
    guard given.count > 1, let width = given.first?.vectors.first?.count, width > 0,
      given.allSatisfy({ $0.vectors.allSatisfy { $0.count == width } })
    else { return nil }
    classes = given.map(\.label)
    self.examples = given.enumerated().flatMap { index, entry in entry.vectors.map { ($0, index) } }
    shares = [Double](repeating: 0, count: self.examples.count * given.count)
    biases = [Double](repeating: 0, count: given.count)
    learn(counts: given.map { Double($0.vectors.count) })
  }

  private static func product(_ a: [Float], _ b: [Float]) -> Double {
    var sum: Float = 0
    for index in a.indices { sum += a[index] * b[index] }
    return Double(sum)
  }

  private mutating func learn(counts: [Double]) {
    let products = examples.map { row in examples.map { Self.product(row.vector, $0.vector) } }
    for _ in 0..<Self.steps {
      var errors = shares.map { $0 * Self.decay }
      var shifts = [Double](repeating: 0, count: classes.count)
      for (number, example) in examples.enumerated() {
        let likely = softmax(products[number])
        // Classes have equal weight regardless of their number of examples.
        let weight = 1 / (counts[example.index] * Double(classes.count))
        for index in classes.indices {
          let error = (likely[index] - (index == example.index ? 1 : 0)) * weight
          shifts[index] += error
          errors[number * classes.count + index] += error
        }
      }
      for index in classes.indices { biases[index] -= Self.rate * shifts[index] }
      for index in shares.indices { shares[index] -= Self.rate * errors[index] }
    }
  }

  /// - Parameter products: inner products of the vector with all examples.
  private func softmax(_ products: [Double]) -> [Double] {
    var logits = biases
    for number in products.indices {
      for index in logits.indices {
        logits[index] += shares[number * logits.count + index] * products[number]
      }
    }
    let largest = logits.max() ?? 0
    let powers = logits.map { exp($0 - largest) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }

  /// A class with its probability and the cosine similarity to its nearest example.
  public struct Score: Sendable {
    public var label: String
    public var share: Double
    public var likeness: Double
  }

  /// - Returns: all classes, the most probable first; none for a vector of another length.
  public func classify(_ vector: [Float]) -> [Score] {
    guard vector.count == examples.first?.vector.count else { return [] }
    let products = examples.map { Self.product($0.vector, vector) }
    var likeness = [Double](repeating: -1, count: classes.count)
    for (example, cosine) in zip(examples, products) {
      likeness[example.index] = max(likeness[example.index], cosine)
    }
    return zip(classes.indices, softmax(products)).map { index, share in
      Score(label: classes[index], share: share, likeness: likeness[index])
    }.sorted { $0.share > $1.share }
  }
}
