import Sensing
import Spatial

/// Maps a device's own counter to the host's clock.
///
/// A report arrives a little after it was made, and never before. So the smallest difference between arrival
/// and device time in each half second touches the line that the two clocks make, and the lower convex hull of
/// these minima over twenty seconds gives offset and skew, whatever the scheduler does to single arrivals.
public struct DeviceClock: Sendable {
  /// Counters, for a figure that a user sees.
  public private(set) var resets = 0
  /// Root mean square of the distance between bucket minima and line, seconds; NaN before there are
  /// three, or two after a step of a clock.
  public private(set) var residual = Double.nan
  /// Rate of the device's clock against its nominal rate, minus one.
  public private(set) var skew = 0.0

  private let ticksPerSecond: Double
  private let bits: Int
  private var lastRaw: UInt64 = 0
  private var lastReceived = Timestamp(nanoseconds: 0)
  private var lastMapped = Timestamp(nanoseconds: 0)
  private var hasStarted = false
  /// Host time that the offsets below are relative to, so that doubles stay exact.
  private var origin = Timestamp(nanoseconds: 0)

  /// Offset line: host = origin + device + base + slope · (device − anchor), seconds.
  private var base = 0.0
  private var slope = 0.0
  private var anchor = 0.0
  /// Added to the line; fades to zero.
  private var correction = 0.0
  private var lastObserved = 0.0
  private var lastDevice = 0.0

  private static let bucketSeconds = 0.5
  private static let bucketCount = 40
  private static let maximumSkew = 500e-6
  /// A correction is moved in at this rate at most: 1 ms a second.
  private static let slewRate = 1e-3
  /// Device and host time that differ by more than this did not come from the same run of the counter.
  private static let resetSeconds = 1.0
  /// s: offsets of one relation of the clocks, as far as jitter goes; a step between two relations is larger.
  private static let agreement = 4e-3
  private static let smallestStep = 8e-3

  private struct Bucket: Sendable {
    var device = 0.0
    var offset = Double.infinity
  }
  private var buckets: ContiguousArray<Bucket>
  private var hull: ContiguousArray<Bucket>
  private var first = 0
  private var count = 0
  private var current = Bucket()
  private var bucketEnd = 0.0

  /// - Parameters:
  ///   - ticksPerSecond: nominal rate of the counter.
  ///   - bits: width of the counter before it wraps, at most 64.
  public init(ticksPerSecond: Double, bits: Int) {
    self.ticksPerSecond = ticksPerSecond
    self.bits = min(max(bits, 8), 62)
    buckets = ContiguousArray(repeating: Bucket(), count: Self.bucketCount)
    hull = ContiguousArray(repeating: Bucket(), count: Self.bucketCount + 1)
  }

  mutating func archive(_ archive: StateArchive) {
    func code(_ bucket: inout Bucket) {
      archive.code(&bucket.device)
      archive.code(&bucket.offset)
    }
    archive.code(&resets, in: 0...(1 << 60))
    archive.code(&residual)
    archive.code(&skew)
    archive.code(&lastRaw)
    archive.code(&lastReceived)
    archive.code(&lastMapped)
    archive.code(&hasStarted)
    archive.code(&origin)
    archive.code(&base)
    archive.code(&slope)
    archive.code(&anchor)
    archive.code(&correction)
    archive.code(&lastObserved)
    archive.code(&lastDevice)
    archive.code(&buckets) { code(&$0) }
    archive.code(&first, in: 0...(Self.bucketCount - 1))
    archive.code(&count, in: 0...Self.bucketCount)
    code(&current)
    archive.code(&bucketEnd)
  }

  /// The time at which a sample was taken, or nil for a sample that was seen before or is older than the last.
  ///
  /// Mapped times increase strictly and are never later than the arrival.
  public mutating func map(_ raw: UInt64, received: Timestamp) -> Timestamp? {
    let mask: UInt64 = (1 << UInt64(bits)) - 1
    let raw = raw & mask
    guard hasStarted else {
      let isFirst = lastMapped.nanoseconds == 0
      start(raw, received)
      return isFirst ? received : advance(to: received)
    }
    let period = Int64(1) << Int64(bits)
    var step = Int64(bitPattern: (raw &- lastRaw) & mask)
    let elapsed = received.seconds(since: lastReceived)
    let expected = elapsed * ticksPerSecond
    // A short counter can wrap several times between two arrivals; the host clock tells how often.
    if expected > Double(period) / 2, expected < 1e15 {
      step += Int64(((expected - Double(step)) / Double(period)).rounded()) * period
    }
    if step > period / 2, expected < Double(period) / 4 { step -= period }
    let device = lastDevice + Double(step) / ticksPerSecond
    let drift = Double(step) / ticksPerSecond - elapsed
    if abs(drift) > Self.resetSeconds {
      resets += 1
      start(raw, received)
      return advance(to: received)
    }
    guard step > 0 else { return nil }
    lastRaw = raw
    lastDevice = device
    if received > lastReceived { lastReceived = received }

    let offset = received.seconds(since: origin) - device
    // A short counter does not show how long it stood still: after a gap its time may be off by half a wrap.
    if elapsed > Self.resetSeconds, abs(offset - line(device) - correction) > Self.agreement {
      start(raw, received)
      return advance(to: received)
    }
    observe(device: device, offset: offset)
    let seconds = device + line(device) + correction
    let mapped = origin.advanced(bySeconds: seconds)
    return advance(to: min(mapped, received))
  }

  /// Starts with a report that holds several samples: the newest was taken when the report was made, the others
  /// before. Does nothing once the clock runs.
  public mutating func begin(oldest: UInt64, newest: UInt64, received: Timestamp) {
    guard !hasStarted else { return }
    let mask: UInt64 = (1 << UInt64(bits)) - 1
    let span = (newest &- oldest) & mask
    guard Double(span) / ticksPerSecond < Self.resetSeconds else { return }
    start(newest & mask, received)
    lastRaw = (oldest &- 1) & mask
    lastDevice = -Double(span + 1) / ticksPerSecond
    lastMapped = received.advanced(bySeconds: lastDevice)
  }

  /// Forgets the offset of the device's clock, after which the next sample starts anew.
  ///
  /// - Parameter captured: the time of the last sample; those that follow are later.
  mutating func restart(after captured: Timestamp) {
    hasStarted = false
    lastMapped = max(lastMapped, captured)
  }

  private mutating func advance(to time: Timestamp) -> Timestamp {
    lastMapped = max(time, lastMapped.advanced(byNanoseconds: 1))
    return lastMapped
  }

  private mutating func start(_ raw: UInt64, _ received: Timestamp) {
    hasStarted = true
    lastRaw = raw
    lastReceived = received
    origin = received
    lastDevice = 0
    base = 0
    slope = 0
    skew = 0
    anchor = 0
    correction = 0
    lastObserved = 0
    residual = .nan
    first = 0
    count = 0
    current = Bucket(device: 0, offset: 0)
    bucketEnd = Self.bucketSeconds
    if lastMapped.nanoseconds == 0 { lastMapped = received }
  }

  private func line(_ device: Double) -> Double { base + slope * (device - anchor) }

  private mutating func observe(device: Double, offset: Double) {
    if offset < current.offset { current = Bucket(device: device, offset: offset) }
    if device >= bucketEnd { close(at: device) }
    // The correction fades at the slew rate, so that a new line never shows as a jump.
    let step = max(0, device - lastObserved) * Self.slewRate
    lastObserved = device
    correction = correction > 0 ? max(0, correction - step) : min(0, correction + step)
    // Nothing arrives before it was made: an arrival below the line shows that the line is too high.
    if offset < line(device) + correction { correction = offset - line(device) }
  }

  private mutating func close(at device: Double) {
    if current.offset.isFinite {
      let slot = (first + count) % Self.bucketCount
      buckets[slot] = current
      if count < Self.bucketCount { count += 1 } else { first = (first + 1) % Self.bucketCount }
    }
    current = Bucket()
    bucketEnd = device + Self.bucketSeconds
    let isStep = forgetBeforeStep()
    fit(at: device, isStep: isStep)
  }

  /// Forgets the buckets before a step of one of the clocks, which the newest two show alike.
  ///
  /// - Returns: whether there was a step.
  private mutating func forgetBeforeStep() -> Bool {
    guard count >= 3 else { return false }
    let earlier = buckets[(first + count - 2) % Self.bucketCount]
    let last = buckets[(first + count - 1) % Self.bucketCount]
    let distances = (earlier.offset - line(earlier.device), last.offset - line(last.device))
    guard min(abs(distances.0), abs(distances.1)) > Self.smallestStep,
      abs(distances.0 - distances.1) < Self.agreement
    else { return false }
    first = (first + count - 2) % Self.bucketCount
    count = 2
    return true
  }

  /// Takes the hull edge under the middle of the window as the new line.
  private mutating func fit(at device: Double, isStep: Bool) {
    guard count >= 2 else { return }
    var size = 0
    for index in 0..<count {
      let point = buckets[(first + index) % Self.bucketCount]
      while size >= 2 {
        let a = hull[size - 2]
        let b = hull[size - 1]
        let turn =
          (b.device - a.device) * (point.offset - a.offset) - (b.offset - a.offset)
          * (point.device - a.device)
        if turn > 0 { break }
        size -= 1
      }
      hull[size] = point
      size += 1
    }
    let oldest = hull[0].device
    let middle = (oldest + hull[size - 1].device) / 2
    var edge = 0
    while edge + 2 < size, hull[edge + 1].device < middle { edge += 1 }
    let a = hull[edge]
    let b = hull[min(edge + 1, size - 1)]
    var newSlope = b.device > a.device ? (b.offset - a.offset) / (b.device - a.device) : 0
    // Over a short window jitter outweighs skew.
    let trust = min(1, (hull[size - 1].device - oldest) / 5)
    newSlope = min(max(newSlope * trust, -Self.maximumSkew), Self.maximumSkew)
    let before = line(device) + correction
    anchor = a.device
    base = a.offset
    slope = newSlope
    skew = newSlope
    // Moved in at the slew rate, a step would last for minutes.
    correction = isStep ? 0 : before - line(device)
    var sum = 0.0
    for index in 0..<count {
      let point = buckets[(first + index) % Self.bucketCount]
      let distance = point.offset - line(point.device)
      sum += distance * distance
    }
    residual = count >= 3 || isStep ? (sum / Double(count)).squareRoot() : .nan
  }
}
