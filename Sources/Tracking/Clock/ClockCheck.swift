import Sensing
import Spatial

/// A fault of a device's clock.
public enum ClockDefect: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// Its stamps do not advance.
  case stuck = 1
  /// Its stamps advance at another rate than the description states: another unit, or a wrong rate.
  case rate = 2
}

/// Where the times of a device's samples come from, and how uncertain they are.
public struct ClockStatus: Sendable, Equatable, BitwiseCopyable {
  /// Nil while the samples have the times of the device's clock.
  public var fault: ClockDefect?
  /// Rate of the device's stamps against arrival: 1 for a right clock.
  public var rate = 1.0
  /// Standard deviation of the intervals between arrivals, s: the uncertainty of a time of arrival. NaN while unknown.
  public var arrivalSpread = Double.nan

  public init() {}

  public init(fault: ClockDefect?, rate: Double, arrivalSpread: Double) {
    self.fault = fault
    self.rate = rate
    self.arrivalSpread = arrivalSpread
  }

  /// The fault and its consequence, for display; nil without a fault.
  public var problem: String? {
    let cause: String
    switch fault {
    case nil: return nil
    case .stuck: cause = "its clock does not advance"
    case .rate:
      // Four digits: 0.3333, 9.998, 1000.
      let digits = rate.magnitude < 1 ? 1e4 : rate.magnitude < 100 ? 1e2 : 1
      let rounded = rate.magnitude < 1e9 ? (rate * digits).rounded() / digits : rate
      cause = "its clock runs at \(rounded) times the described rate"
    }
    guard arrivalSpread.isFinite else { return "\(cause); times are those of arrival" }
    let milliseconds = (arrivalSpread * 1e4).rounded() / 10
    return "\(cause); times are those of arrival, uncertain by \(max(0.1, milliseconds)) ms"
  }
}

/// Compares the rate of a device's stamps with the rate of their arrival.
///
/// A report arrives late by a varying delay, so that the smallest difference between arrival and stamp in each eighth of a
/// second is compared. A right clock keeps it, within the delays; a wrong one moves it steadily, in one direction. A stall,
/// or a burst after one, moves it once, and is no fault.
struct ClockCheck: Sendable {
  private(set) var status = ClockStatus()

  private let ticksPerSecond: Double
  private let bits: Int
  /// A gap of the arrivals in which the counter may wrap, or in which nothing is known.
  private let longestGap: Double

  private var hasStarted = false
  private var lastRaw: UInt64 = 0
  private var lastReceived = Timestamp(nanoseconds: 0)
  /// s: by how much the last step of the stamps differs from that of the arrivals.
  private var lastJump = 0.0
  /// Seconds since the comparison began, by arrival and by the device's stamps.
  private var host = 0.0
  private var device = 0.0
  private var slice = Minimum(end: ClockCheck.sliceSeconds)
  private var half = Minimum(end: ClockCheck.halfSeconds)
  private var slices = Ring<4>()
  private var halves = Ring<17>()
  /// Mean and variance of the intervals between arrivals, s and s².
  private var meanInterval = 0.0
  private var variance = 0.0
  private var intervals = 0

  static let sliceSeconds = 0.125
  static let halfSeconds = 0.5
  /// s: a larger difference of one step is a jump of the counter.
  private static let jump = 0.25
  /// Intervals after which the spread is an average of about a hundred.
  private static let memory = 100

  /// The smallest difference of an interval that ends at `end`, in seconds by arrival.
  private struct Minimum: Sendable {
    var end: Double
    var offset = Double.infinity
  }

  /// The newest minima; the oldest first. In place: a buffer that is shared with a copy would be copied on the tracking thread.
  private struct Ring<let capacity: Int>: Sendable {
    private var values = InlineArray<capacity, Double>(repeating: 0)
    private var first = 0
    private(set) var count = 0

    var isFull: Bool { count == values.count }

    subscript(index: Int) -> Double { values[(first + index) % values.count] }

    mutating func append(_ value: Double) {
      values[(first + count) % values.count] = value
      if count < values.count { count += 1 } else { first = (first + 1) % values.count }
    }

    mutating func removeAll() { (first, count) = (0, 0) }

    mutating func archive(_ archive: StateArchive) {
      for index in 0..<values.count { archive.code(&values[index]) }
      archive.code(&first, in: 0...(values.count - 1))
      archive.code(&count, in: 0...values.count)
    }
  }

  /// - Parameters:
  ///   - ticksPerSecond: nominal rate of the counter.
  ///   - bits: width of the counter before it wraps.
  init(ticksPerSecond: Double, bits: Int) {
    self.ticksPerSecond = ticksPerSecond
    self.bits = min(max(bits, 8), 62)
    let period = Double(Int64(1) << Int64(self.bits)) / ticksPerSecond
    longestGap = min(0.25, period / 4)
  }

  mutating func archive(_ archive: StateArchive) {
    var fault = Int(status.fault?.rawValue ?? 0)
    archive.code(&fault, in: 0...ClockDefect.allCases.count)
    status.fault = ClockDefect(rawValue: UInt8(fault))
    archive.code(&status.rate)
    archive.code(&status.arrivalSpread)
    archive.code(&hasStarted)
    archive.code(&lastRaw)
    archive.code(&lastReceived)
    archive.code(&lastJump)
    archive.code(&host)
    archive.code(&device)
    archive.code(&slice.end)
    archive.code(&slice.offset)
    archive.code(&half.end)
    archive.code(&half.offset)
    slices.archive(archive)
    halves.archive(archive)
    archive.code(&meanInterval)
    archive.code(&variance)
    archive.code(&intervals, in: 0...Self.memory)
  }

  /// Takes the stamp of a sample, repeated and older ones too, in the order of arrival.
  ///
  /// - Returns: whether the fault appeared, changed or ended.
  mutating func observe(_ raw: UInt64, received: Timestamp) -> Bool {
    let mask: UInt64 = (1 << UInt64(bits)) - 1
    let raw = raw & mask
    let elapsed = received.seconds(since: lastReceived)
    guard hasStarted, elapsed >= 0, elapsed <= longestGap else {
      restart(raw, received)
      return false
    }
    let period = Int64(1) << Int64(bits)
    var step = Int64(bitPattern: (raw &- lastRaw) & mask)
    if step > period / 2 { step -= period }
    // A counter that begins again, as after a restart of the device or of a recording, jumps once. With a wrong unit each
    // step is a jump.
    let jump = Double(step) / ticksPerSecond - elapsed
    let isSingle = jump.magnitude > Self.jump && lastJump.magnitude < Self.jump
    lastJump = jump
    if isSingle {
      restart(raw, received)
      return false
    }
    if elapsed > 0 { observe(interval: elapsed) }
    (lastRaw, lastReceived) = (raw, received)
    host += elapsed
    device += Double(step) / ticksPerSecond
    let before = status.fault
    if host >= slice.end { closeSlice() }
    if host >= half.end { closeHalf() }
    let offset = host - device
    slice.offset = min(slice.offset, offset)
    half.offset = min(half.offset, offset)
    return status.fault != before
  }

  private mutating func observe(interval: Double) {
    intervals = min(intervals + 1, Self.memory)
    let (gain, deviation) = (1 / Double(intervals), interval - meanInterval)
    meanInterval += deviation * gain
    variance = (1 - gain) * (variance + deviation * deviation * gain)
    if intervals > 1 { status.arrivalSpread = variance.squareRoot() }
  }

  /// Begins the comparison anew; a fault stays until a comparison shows that it has ended.
  private mutating func restart(_ raw: UInt64, _ received: Timestamp) {
    hasStarted = true
    (lastRaw, lastReceived) = (raw, received)
    (host, device) = (0, 0)
    slice = Minimum(end: Self.sliceSeconds, offset: 0)
    half = Minimum(end: Self.halfSeconds, offset: 0)
    slices.removeAll()
    halves.removeAll()
  }

  private mutating func closeSlice() {
    slices.append(slice.offset)
    slice = Minimum(end: slice.end + Self.sliceSeconds)
    // Nothing arrived for a whole slice.
    if host >= slice.end {
      slices.removeAll()
      slice.end = host + Self.sliceSeconds
    }
    guard slices.isFull else { return }
    judge(
      (slices[1] - slices[0]) / Self.sliceSeconds, (slices[2] - slices[1]) / Self.sliceSeconds,
      (slices[3] - slices[2]) / Self.sliceSeconds, tolerance: 0.3)
  }

  private mutating func closeHalf() {
    halves.append(half.offset)
    half = Minimum(end: half.end + Self.halfSeconds)
    // Smaller differences need longer comparisons.
    _ = compare(over: 4, tolerance: 0.06)
    guard let slope = compare(over: 16, tolerance: 0.01), status.fault != nil, slope < 0.005 else { return }
    status.fault = nil
    status.rate = 1
  }

  /// Compares the halves of the last `span` half seconds.
  ///
  /// - Returns: the larger slope, without its sign; nil while fewer half seconds are known.
  private mutating func compare(over span: Int, tolerance: Double) -> Double? {
    guard halves.count > span else { return nil }
    let (last, seconds) = (halves.count - 1, Double(span) / 2 * Self.halfSeconds)
    let early = (halves[last - span / 2] - halves[last - span]) / seconds
    let late = (halves[last] - halves[last - span / 2]) / seconds
    judge(early, late, late, tolerance: tolerance)
    return max(early.magnitude, late.magnitude)
  }

  /// Finds a fault when all slopes of the difference exceed the tolerance in one direction.
  private mutating func judge(_ a: Double, _ b: Double, _ c: Double, tolerance: Double) {
    let isLate = min(a, b, c) > tolerance
    let isEarly = max(a, b, c) < -tolerance
    // A found defect stays as it is until it ends.
    guard isLate || isEarly, status.fault == nil else { return }
    let rate = 1 - (a + b + c) / 3
    status.fault = rate.magnitude < 0.05 ? .stuck : .rate
    status.rate = rate
  }
}
