/// How a model does: counts, and the times of its last runs.
public struct ModelFigures: Sendable, Equatable {
  public private(set) var runs: UInt64 = 0
  public var failures: UInt64 = 0
  /// Inputs that were let go because something newer came, or because they would have been late.
  public var dropped: UInt64 = 0
  /// Seconds in all, of the runs that were good.
  public private(set) var seconds = 0.0
  private var recent: [Float] = []
  private var place = 0
  private static let kept = 512

  public init() {}

  public mutating func count(seconds: Double) {
    runs += 1
    self.seconds += seconds
    if recent.count < Self.kept {
      recent.append(Float(seconds))
    } else {
      recent[place] = Float(seconds)
      place = (place + 1) % Self.kept
    }
  }

  /// Of the last 512 runs, in milliseconds; nil before the first.
  ///
  /// - Parameter share: 0.5 for the median.
  public func latency(_ share: Double) -> Double? {
    guard !recent.isEmpty else { return nil }
    let sorted = recent.sorted()
    let place = min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))
    return Double(sorted[place]) * 1000
  }
}
