/// A point in time: nanoseconds of CLOCK_MONOTONIC, the one clock of the bridge (and what `XrTime` maps to
/// on Linux).
public struct Timestamp: Hashable, Comparable, Sendable {
  public var nanoseconds: Int64

  @inlinable
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  @inlinable
  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Seconds from `earlier` to this time; negative when `earlier` is later.
  ///
  /// Saturates instead of trapping: stamps come from files and devices.
  @inlinable
  public func seconds(since earlier: Timestamp) -> Double {
    let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
    return overflow ? (nanoseconds > 0 ? 9.2e9 : -9.2e9) : Double(difference) * 1e-9
  }

  /// This time moved by a number of nanoseconds, saturating at the ends of the clock.
  @inlinable
  public func advanced(byNanoseconds offset: Int64) -> Timestamp {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(offset)
    return Timestamp(nanoseconds: overflow ? (offset > 0 ? Int64.max : Int64.min) : sum)
  }

  /// This time moved by a number of seconds, saturating at the ends of the clock; a NaN moves nothing.
  @inlinable
  public func advanced(bySeconds seconds: Double) -> Timestamp {
    let scaled = seconds * 1e9
    guard scaled == scaled else { return self }
    if scaled >= 9.2e18 { return Timestamp(nanoseconds: .max) }
    if scaled <= -9.2e18 { return Timestamp(nanoseconds: .min) }
    return advanced(byNanoseconds: Int64(scaled.rounded()))
  }
}
