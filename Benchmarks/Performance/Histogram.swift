import Foundation

/// Durations in nanoseconds and their percentiles.
struct Histogram {
  private var values: [Int64] = []
  private var isSorted = true

  mutating func add(_ value: Int64) {
    values.append(value)
    isSorted = false
  }

  var count: Int { values.count }

  mutating func percentile(_ share: Double) -> Int64 {
    if !isSorted {
      values.sort()
      isSorted = true
    }
    guard !values.isEmpty else { return 0 }
    return values[min(values.count - 1, Int(Double(values.count) * share))]
  }

  /// Microseconds by name.
  var quantiles: [String: Double] {
    mutating get {
      let shares = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1)]
      return Dictionary(uniqueKeysWithValues: shares.map { ($0.0, Double(percentile($0.1)) / 1000) })
    }
  }

  /// Microseconds.
  mutating func row(_ name: String) -> String {
    let cells = [0.5, 0.99, 0.999, 1].map { String(format: "%8.1f", Double(percentile($0)) / 1000) }
    return
      "| \(name.padding(toLength: 44, withPad: " ", startingAt: 0)) | \(cells.joined(separator: " | ")) |"
  }

  static let header =
    "| µs                                           |      p50 |      p99 |    p99.9 |      max |\n|---|---:|---:|---:|---:|"
}
