/// Errors of a text against a reference, counted as by sclite and jiwer: the fewest substitutions, deletions and insertions
/// of words that turn one into the other.
public struct WordErrors: Sendable, Equatable {
  public var substitutions = 0
  public var deletions = 0
  public var insertions = 0
  /// Words of the reference.
  public var words = 0

  public init() {}

  /// Counts the errors of two texts that were normalised alike.
  public init(reference: [String], hypothesis: [String]) {
    words = reference.count
    // Least errors that lead from the first i words of one to the first j of the other, with their kinds.
    struct Cell {
      var cost = 0
      var substitutions = 0
      var deletions = 0
      var insertions = 0
    }
    var row = (0...hypothesis.count).map { Cell(cost: $0, insertions: $0) }
    for (i, word) in reference.enumerated() {
      var diagonal = row[0]
      row[0] = Cell(cost: i + 1, deletions: i + 1)
      for (j, other) in hypothesis.enumerated() {
        let above = row[j + 1]
        var best = diagonal
        if word != other {
          best.cost += 1
          best.substitutions += 1
        }
        if above.cost + 1 < best.cost {
          best = above
          best.cost += 1
          best.deletions += 1
        }
        if row[j].cost + 1 < best.cost {
          best = row[j]
          best.cost += 1
          best.insertions += 1
        }
        diagonal = above
        row[j + 1] = best
      }
    }
    let last = row[hypothesis.count]
    (substitutions, deletions, insertions) = (last.substitutions, last.deletions, last.insertions)
  }

  public var errors: Int { substitutions + deletions + insertions }
  public var rate: Double { words > 0 ? Double(errors) / Double(words) : errors > 0 ? 1 : 0 }

  public static func + (left: Self, right: Self) -> Self {
    var sum = left
    sum.substitutions += right.substitutions
    sum.deletions += right.deletions
    sum.insertions += right.insertions
    sum.words += right.words
    return sum
  }
}
