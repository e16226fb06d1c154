/// Counts of a model's runs and the durations of the last ones.
public struct ModelMetrics: Sendable, Equatable {
  public private(set) var runs: UInt64 = 0
  public var failures: UInt64 = 0
  /// Inputs dropped because a newer one arrived or the deadline had passed.
  public var dropped: UInt64 = 0
  /// Total duration of the successful runs, in seconds.
  public private(set) var seconds = 0.0
  private var recent: [Float] = []
  private var next = 0
  private static let capacity = 512

  public init() {}

  public mutating func count(seconds: Double) {
    runs += 1
    self.seconds += seconds
    if recent.count < Self.capacity {
      recent.append(Float(seconds))
    } else {
      recent[next] = Float(seconds)
      next = (next + 1) % Self.capacity
    }
  }

  /// Returns a quantile of the last 512 durations, in milliseconds; nil before the first run.
  ///
  /// - Parameter share: 0.5 for the median.
  public func latency(_ share: Double) -> Double? {
    guard !recent.isEmpty else { return nil }
    let sorted = recent.sorted()
    let index = min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))
    return Double(sorted[index]) * 1000
  }
}
