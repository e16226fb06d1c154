import Sensing
import Spatial

/// Steps back of the times of arrival: a recording's host set its clock.
public struct TimeSteps: Sendable, Equatable, BitwiseCopyable {
  public var count = 0
  /// Seconds by which later times are moved on, in total.
  public var seconds = 0.0

  public init(count: Int = 0, seconds: Double = 0) {
    self.count = count
    self.seconds = seconds
  }
}

/// Decides whether samples have the times of the device's clock or those of their arrival.
///
/// Derives everything from stamps and times of arrival, so that a replay decides the same.
struct SampleTimes: Sendable {
  private(set) var steps = TimeSteps()
  private var check: ClockCheck?
  /// Nominal seconds from one sample to the next.
  private let period: Double
  /// Samples of the report that are still to come; 0 between reports and for single samples.
  private var pending = 0
  private var hasArrival = false
  private var lastArrival = Timestamp(nanoseconds: 0)
  /// ns that are added to times of arrival.
  private(set) var shift = 0

  /// Arrivals may differ this much from their order, ns: several interfaces are read in turns.
  private static let tolerance: Int64 = 50_000_000

  init(clock: (rate: Double, bits: Int)?, period: Double) {
    check = clock.map { ClockCheck(ticksPerSecond: $0.rate, bits: $0.bits) }
    self.period = period
  }

  mutating func archive(_ archive: StateArchive) {
    archive.code(&steps.count, in: 0...(1 << 60))
    archive.code(&steps.seconds)
    check?.archive(archive)
    archive.code(&hasArrival)
    archive.code(&lastArrival)
    archive.code(&shift, in: 0...(1 << 61))
  }

  var clockStatus: ClockStatus { check?.status ?? ClockStatus() }

  /// Begins a report of several samples.
  mutating func begin(count: Int) { pending = count }

  /// Returns the time of arrival on a time scale that never steps back.
  mutating func arrival(_ received: Timestamp) -> Timestamp {
    var time = received.advanced(byNanoseconds: Int64(shift))
    if hasArrival, time < lastArrival.advanced(byNanoseconds: -Self.tolerance) {
      let back = lastArrival.seconds(since: time) + period
      // Times of a hostile file may be centuries apart.
      guard back < 1e9 else { return time }
      let step = Int((back * 1e9).rounded())
      shift = min(shift + step, 1 << 61)
      steps.count += 1
      steps.seconds += back
      time = time.advanced(byNanoseconds: Int64(step))
    }
    lastArrival = hasArrival ? max(lastArrival, time) : time
    hasArrival = true
    return time
  }

  /// Takes the stamp of a sample.
  ///
  /// - Returns: whether a fault of the clock appeared, changed or ended.
  mutating func observe(_ ticks: UInt64, received: Timestamp) -> Bool {
    check?.observe(ticks, received: received) ?? false
  }

  /// Returns the time of a sample by its arrival: the newest of a report was taken then, the others one period apart
  /// before. Nil while the clock is right.
  ///
  /// - Parameter last: the time of the sample before; nil for the first.
  mutating func timeOfArrival(_ received: Timestamp, after last: Timestamp?) -> Timestamp? {
    let behind = max(0, pending - 1)
    pending = behind
    guard check?.status.fault != nil else { return nil }
    let time = received.advanced(bySeconds: -Double(behind) * period)
    guard let last else { return time }
    // A burst after a gap leaves less time than the nominal periods.
    let even = last.advanced(bySeconds: received.seconds(since: last) / Double(behind + 1))
    return max(time, even, last.advanced(byNanoseconds: 1))
  }
}
