/// A report that was exchanged with a device beside its input reports.
public struct FeatureExchange: Sendable, Equatable {
  /// A feature report that was read or written; an output report, and an input report that came after it.
  public enum Direction: String, Sendable { case get, set, output, input }
  public var direction: Direction
  /// The report with its id byte.
  public var report: [UInt8]

  public init(direction: Direction, report: [UInt8]) {
    self.direction = direction
    self.report = report
  }
}
