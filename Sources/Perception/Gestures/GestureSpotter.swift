import Spatial

/// Finds movements in a stream of places: from when a hand sets off until it rests.
public struct GestureSpotter: Sendable {
  /// A movement that has ended.
  public struct Movement: Sendable {
    public var trace: GestureTrace
    public var began: Timestamp
    public var ended: Timestamp
    /// Where it ended, as it was given.
    public var place: Vector3
  }

  /// m/s at which a movement begins and ends.
  public var startSpeed = 0.25
  public var stopSpeed = 0.12
  /// Seconds of rest that end it.
  public var rest = 0.15
  /// Seconds that a gesture takes.
  public var durations = 0.2...4.0
  /// Metres of way at least.
  public var minimumLength = 0.12

  private struct Sample {
    var time: Timestamp
    var place: Vector3
  }
  private var samples: [Sample] = []
  private var speed = 0.0
  private var isMoving = false
  private var slowSince: Timestamp?
  private var heading = Quaternion.identity

  /// Seconds before a movement's start that belong to it.
  private static let lead = 0.12

  public init() {}

  /// - Parameters:
  ///   - place: of the hand, in the world.
  ///   - head: the head's orientation, for left and right; nil for the world's axes.
  public mutating func add(_ place: Vector3, at time: Timestamp, head: Quaternion?) -> Movement? {
    guard place.isFinite else { return nil }
    if let last = samples.last {
      let step = time.seconds(since: last.time)
      guard step > 0 else { return nil }
      if step > 0.3 {
        // A gap: what was before has nothing to do with it.
        samples = []
        isMoving = false
        speed = 0
      } else {
        // A tenth of a second smooths what a camera's landmarks tremble.
        speed += ((place - last.place).length / step - speed) * min(1, step / 0.05)
      }
    }
    samples.append(Sample(time: time, place: place))
    guard isMoving else {
      if speed > startSpeed {
        isMoving = true
        slowSince = nil
        heading = Self.heading(head)
      } else {
        let first = samples.firstIndex { time.seconds(since: $0.time) <= Self.lead } ?? 0
        samples.removeFirst(first)
      }
      return nil
    }
    if speed < stopSpeed {
      let since = slowSince ?? time
      slowSince = since
      if time.seconds(since: since) >= rest { return finish(at: since) }
    } else {
      slowSince = nil
    }
    if let first = samples.first, time.seconds(since: first.time) > durations.upperBound {
      // Too long for a gesture; it may be the way to one.
      let keep = samples.firstIndex { time.seconds(since: $0.time) <= 1 } ?? 0
      samples.removeFirst(keep)
    }
    return nil
  }

  private mutating func finish(at end: Timestamp) -> Movement? {
    defer {
      samples = []
      isMoving = false
      slowSince = nil
      speed = 0
    }
    let used = samples.filter { $0.time <= end }
    guard let first = used.first, let last = used.last else { return nil }
    let turn = heading.conjugate
    let trace = GestureTrace(
      points: used.map { sample in
        let p = turn.rotate(sample.place - first.place)
        return GestureTrace.Point(time: sample.time.seconds(since: first.time), x: p.x, y: p.y, z: p.z)
      })
    guard durations.contains(trace.duration), trace.length >= minimumLength else { return nil }
    return Movement(trace: trace, began: first.time, ended: end, place: last.place)
  }

  /// The turn about the vertical that is in an orientation.
  private static func heading(_ head: Quaternion?) -> Quaternion {
    guard let head else { return .identity }
    let forward = head.rotate(Vector3(0, 0, -1))
    guard let flat = Vector3(forward.x, 0, forward.z).normalized else { return .identity }
    return Quaternion(from: Vector3(0, 0, -1), to: flat)
  }
}
