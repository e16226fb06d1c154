import Foundation

/// How a classifier did: counts of truth against answer, and the figures that follow.
public struct ClassificationReport: Sendable {
  /// Sorted; the last may be the answer "none".
  public let labels: [String]
  /// Rows: truth; columns: answer.
  public let confusion: [[Int]]

  public init(_ pairs: [(truth: String, answer: String)]) {
    let labels = Set(pairs.flatMap { [$0.truth, $0.answer] }).sorted()
    let places = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    var confusion = Array(repeating: Array(repeating: 0, count: labels.count), count: labels.count)
    for pair in pairs { confusion[places[pair.truth] ?? 0][places[pair.answer] ?? 0] += 1 }
    self.labels = labels
    self.confusion = confusion
  }

  public var count: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }

  public var accuracy: Double {
    count == 0 ? 0 : Double(labels.indices.reduce(0) { $0 + confusion[$1][$1] }) / Double(count)
  }

  public struct Figures: Sendable, Hashable {
    public var precision: Double
    public var recall: Double
    public var f1: Double
    /// Examples of the class.
    public var support: Int
  }

  public func figures(_ index: Int) -> Figures {
    let hits = Double(confusion[index][index])
    let support = confusion[index].reduce(0, +)
    let answered = confusion.reduce(0) { $0 + $1[index] }
    let precision = answered > 0 ? hits / Double(answered) : 0
    let recall = support > 0 ? hits / Double(support) : 0
    return Figures(
      precision: precision, recall: recall,
      f1: precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0, support: support)
  }

  /// Mean over all labels, each counting alike.
  public var macro: Figures {
    let all = labels.indices.map(figures)
    guard !all.isEmpty else { return Figures(precision: 0, recall: 0, f1: 0, support: 0) }
    let n = Double(all.count)
    return Figures(
      precision: all.reduce(0) { $0 + $1.precision } / n, recall: all.reduce(0) { $0 + $1.recall } / n,
      f1: all.reduce(0) { $0 + $1.f1 } / n, support: count)
  }
}
