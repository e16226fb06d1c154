/// Keeps the times of a recording in order: a host that set its clock while it recorded leaves times that step back.
///
/// After a step the times continue one interval after the last report.
public struct RecordedTime: Sendable {
  /// A time that was earlier than the report before it.
  public struct Step: Sendable, Equatable {
    /// Index of the report in the recording.
    public var event: Int
    /// ns.
    public var back: Int64
  }

  /// The first steps; later ones are moved on too.
  public private(set) var steps: [Step] = []
  private var last: Int64?
  private var interval: Int64 = 1_000_000
  private var shift: Int64 = 0

  private static let maximumSteps = 16
  private static let largest: Int64 = 1 << 61
  /// Reports of several interfaces may be a little out of order; ns.
  private static let tolerance: Int64 = 50_000_000
  /// A longer interval is a pause; ns.
  private static let longestInterval: Int64 = 100_000_000

  init() {}

  /// Returns the time of a report on a scale without steps back; ns.
  mutating func next(_ offset: Int64, event: Int) -> Int64 {
    // Within a century, so that nothing overflows.
    let offset = min(max(offset, -Self.largest), Self.largest)
    var time = offset + shift
    if let last {
      if time < last - Self.tolerance {
        if steps.count < Self.maximumSteps { steps.append(Step(event: event, back: last - time)) }
        shift = min(shift + (last - time + interval), Self.largest)
        time = last + interval
      } else if time > last, time - last <= Self.longestInterval {
        interval = time - last
      }
    }
    last = max(last ?? time, time)
    return time
  }
}
