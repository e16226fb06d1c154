import Spatial

/// Segments a stream of positions into movements, from the start of motion to rest.
public struct GestureSpotter: Sendable {
  /// A completed movement.
  public struct Movement: Sendable {
    public var trace: GestureTrace
    public var began: Timestamp
    public var ended: Timestamp
    /// The last position, in the input's frame.
    public var position: Vector3
  }

  /// Speeds at which a movement begins and ends, in m/s.
  public var startSpeed = 0.25
  public var stopSpeed = 0.12
  /// Seconds of rest that end a movement.
  public var rest = 0.15
  /// Duration of a gesture, in seconds.
  public var durations = 0.2...4.0
  /// Shortest path of a gesture, in metres.
  public var minimumLength = 0.12

  private struct Sample {
    var time: Timestamp
    var position: Vector3
  }
  private var samples: [Sample] = []
  private var speed = 0.0
  private var isMoving = false
  private var slowSince: Timestamp?
  private var heading = Quaternion.identity

  /// Seconds before the detected start that belong to the movement.
  private static let lead = 0.12

  public init() {}

  /// - Parameters:
  ///   - position: of the hand, in the world, in metres.
  ///   - head: orientation that defines left and right; nil for the world's axes.
  /// - Returns: the movement that ended, if any.
  public mutating func add(_ position: Vector3, at time: Timestamp, head: Quaternion?) -> Movement? {
    guard position.isFinite else { return nil }
    if let last = samples.last {
      let step = time.seconds(since: last.time)
      guard step > 0 else { return nil }
      if step > 0.3 {
        // A gap separates movements.
        samples = []
        isMoving = false
        speed = 0
      } else {
        // A time constant of 50 ms suppresses the jitter of landmarks.
        speed += ((position - last.position).length / step - speed) * min(1, step / 0.05)
      }
    }
    samples.append(Sample(time: time, position: position))
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
      // Too long for a gesture; the last second may be the start of one.
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
        let p = turn.rotate(sample.position - first.position)
        return GestureTrace.Point(time: sample.time.seconds(since: first.time), x: p.x, y: p.y, z: p.z)
      })
    guard durations.contains(trace.duration), trace.length >= minimumLength else { return nil }
    return Movement(trace: trace, began: first.time, ended: end, position: last.position)
  }

  /// The yaw of an orientation.
  private static func heading(_ head: Quaternion?) -> Quaternion {
    guard let head else { return .identity }
    let forward = head.rotate(Vector3(0, 0, -1))
    guard let flat = Vector3(forward.x, 0, forward.z).normalized else { return .identity }
    return Quaternion(from: Vector3(0, 0, -1), to: flat)
  }
}
