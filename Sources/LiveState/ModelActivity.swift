/// Counts and latencies of one version of a model.
public struct ModelActivity: Sendable, Hashable {
  public var name: String
  public var version: String
  /// Inferences that succeeded.
  public var runs: UInt64
  public var failures: UInt64
  /// Latency of the last 512 inferences in milliseconds, median and 95th percentile; nil before the first.
  public var medianLatency: Double?
  public var highLatency: Double?

  public init(
    name: String, version: String, runs: UInt64 = 0, failures: UInt64 = 0, medianLatency: Double? = nil,
    highLatency: Double? = nil
  ) {
    self.name = name
    self.version = version
    self.runs = runs
    self.failures = failures
    self.medianLatency = medianLatency
    self.highLatency = highLatency
  }
}
