import Foundation

/// A head on sentence embeddings: multinomial logistic regression, learned from a few examples of each class.
///
/// What is like no example is nothing: the class that is most likely counts only when an example of it is near, too.
public struct TextClassifier: Sendable {
  private let classes: [String]
  private let examples: [(vector: [Float], place: Int)]
  /// Of each example in each class's score, example by example: weights are sums of examples, so that learning needs only
  /// the examples' products with each other.
  private var shares: [Double]
  private var biases: [Double]

  /// Steps of gradient descent, and their size; the loss is convex, so both only have to suffice.
  private static let steps = 150
  private static let rate = 4.0
  private static let decay = 1e-3

  /// - Parameter examples: embeddings of length 1 by class; classes without any are left out.
  /// - Returns: nil when there are not two classes, or vectors of different lengths.
  public init?(_ examples: [(label: String, vectors: [[Float]])]) {
    let given = examples.filter { !$0.vectors.isEmpty }
    guard given.count > 1, let width = given.first?.vectors.first?.count, width > 0,
      given.allSatisfy({ $0.vectors.allSatisfy { $0.count == width } })
    else { return nil }
    classes = given.map(\.label)
    self.examples = given.enumerated().flatMap { place, entry in entry.vectors.map { ($0, place) } }
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
        // Each class weighs the same, however many examples it has.
        let weight = 1 / (counts[example.place] * Double(classes.count))
        for place in classes.indices {
          let error = (likely[place] - (place == example.place ? 1 : 0)) * weight
          shifts[place] += error
          errors[number * classes.count + place] += error
        }
      }
      for place in classes.indices { biases[place] -= Self.rate * shifts[place] }
      for index in shares.indices { shares[index] -= Self.rate * errors[index] }
    }
  }

  /// - Parameter products: of the vector with each example.
  private func softmax(_ products: [Double]) -> [Double] {
    var logits = biases
    for number in products.indices {
      for place in logits.indices {
        logits[place] += shares[number * logits.count + place] * products[number]
      }
    }
    let largest = logits.max() ?? 0
    let powers = logits.map { exp($0 - largest) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }

  /// A class with its share of the likelihood and the cosine to its nearest example.
  public struct Score: Sendable {
    public var label: String
    public var share: Double
    public var likeness: Double
  }

  /// - Returns: all classes, the most likely first; none for a vector of another length.
  public func classify(_ vector: [Float]) -> [Score] {
    guard vector.count == examples.first?.vector.count else { return [] }
    let products = examples.map { Self.product($0.vector, vector) }
    var likeness = [Double](repeating: -1, count: classes.count)
    for (example, cosine) in zip(examples, products) {
      likeness[example.place] = max(likeness[example.place], cosine)
    }
    return zip(classes.indices, softmax(products)).map { place, share in
      Score(label: classes[place], share: share, likeness: likeness[place])
    }.sorted { $0.share > $1.share }
  }
}
