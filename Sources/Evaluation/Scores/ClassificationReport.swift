import Foundation

/// The confusion matrix of a classifier and the derived scores.
public struct ClassificationReport: Sendable {
  /// Sorted labels.
  public let labels: [String]
  /// Rows: truth; columns: prediction.
  public let confusion: [[Int]]

  public init(_ pairs: [(truth: String, answer: String)]) {
    let labels = Set(pairs.flatMap { [$0.truth, $0.answer] }).sorted()
    let indices = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    var confusion = Array(repeating: Array(repeating: 0, count: labels.count), count: labels.count)
    for pair in pairs { confusion[indices[pair.truth] ?? 0][indices[pair.answer] ?? 0] += 1 }
    self.labels = labels
    self.confusion = confusion
  }

  public var count: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }

  public var accuracy: Double {
    count == 0 ? 0 : Double(labels.indices.reduce(0) { $0 + confusion[$1][$1] }) / Double(count)
  }

  public struct Scores: Sendable, Hashable {
    public var precision: Double
    public var recall: Double
    public var f1: Double
    /// Number of examples of the class.
    public var support: Int
  }

  public func scores(of index: Int) -> Scores {
    let hits = Double(confusion[index][index])
    let support = confusion[index].reduce(0, +)
    let answered = confusion.reduce(0) { $0 + $1[index] }
    let precision = answered > 0 ? hits / Double(answered) : 0
    let recall = support > 0 ? hits / Double(support) : 0
    return Scores(
      precision: precision, recall: recall,
      f1: precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0, support: support)
  }

  /// Unweighted mean over all labels.
  public var macro: Scores {
    let all = labels.indices.map(scores(of:))
    guard !all.isEmpty else { return Scores(precision: 0, recall: 0, f1: 0, support: 0) }
    let n = Double(all.count)
    return Scores(
      precision: all.reduce(0) { $0 + $1.precision } / n, recall: all.reduce(0) { $0 + $1.recall } / n,
      f1: all.reduce(0) { $0 + $1.f1 } / n, support: count)
  }
}
