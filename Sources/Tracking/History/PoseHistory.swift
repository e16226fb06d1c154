import Sensing
import Spatial

/// The states of the last second or so of one device, in order, and answers for any time.
public struct PoseHistory: Sendable {
  /// A question further ahead is answered for this far ahead, and says so.
  public static let maximumPrediction = 0.1

  private var states: ContiguousArray<TrackedState>
  private var head = 0
  public private(set) var count = 0
  private var predictor = MotionPredictor()

  /// - Parameter capacity: states that are kept; rounded up to a power of two.
  public init(capacity: Int = 2048) {
    var size = 16
    while size < min(capacity, 1 << 20) { size *= 2 }
    let empty = TrackedState(captured: Timestamp(nanoseconds: 0), received: Timestamp(nanoseconds: 0))
    states = ContiguousArray(repeating: empty, count: size)
  }

  public var newest: TrackedState? { count > 0 ? self[count - 1] : nil }
  public var oldest: TrackedState? { count > 0 ? self[0] : nil }

  /// 0 is the oldest.
  private subscript(index: Int) -> TrackedState {
    states[(head + index) & (states.count - 1)]
  }

  /// Adds a state; one that is not newer than the newest is refused.
  ///
  /// - Parameter isCoarse: the angular velocity is a mean over an interval that is long beside the motion, as when it
  ///   is taken from the difference of two poses.
  @discardableResult
  public mutating func append(_ state: TrackedState, isCoarse: Bool = false) -> Bool {
    if let newest, state.captured <= newest.captured { return false }
    let orientation = state.worldFromDevice.orientation
    predictor.add(
      rate: orientation.conjugate.rotate(state.angularVelocity), at: state.captured, isCoarse: isCoarse)
    var state = state
    let ahead = predictor.predictedAngularVelocities()
    for index in 0..<4 {
      // Noise is no motion: what rests will rest.
      state.predictedAngularVelocities[index] =
        state.flags.contains(.atRest) ? .zero : orientation.rotate(ahead[index])
    }
    states[(head + count) & (states.count - 1)] = state
    if count < states.count { count += 1 } else { head = (head + 1) & (states.count - 1) }
    return true
  }

  mutating func archive(_ archive: StateArchive) {
    var kept = count
    archive.code(&kept, in: 0...states.count)
    if archive.isReading { (head, count) = (0, kept) }
    for index in 0..<kept { states[(head + index) & (states.count - 1)].archive(archive) }
    predictor.archive(archive)
  }

  public mutating func removeAll() {
    head = 0
    count = 0
    predictor.interrupt()
  }

  /// The state at a time, with how it was made in its flags: exact, interpolated between neighbours, or
  /// predicted from the motion lately, at most `maximumPrediction` ahead. A device at rest is predicted to rest.
  ///
  /// - Returns: nil before the oldest state and when there is none.
  public func state(at time: Timestamp) -> TrackedState? {
    guard let newest, let oldest, time >= oldest.captured else { return nil }
    if time >= newest.captured { return newest.predicted(to: time) }
    var low = 0
    var high = count - 1
    while high - low > 1 {
      let middle = (low + high) / 2
      if self[middle].captured <= time { low = middle } else { high = middle }
    }
    let before = self[low]
    if before.captured == time { return before.marked(.exact) }
    return before.interpolated(to: self[high], at: time)
  }
}

extension TrackedState {
  static let howMade: TrackingFlags = [.exact, .interpolated, .predicted, .predictionCapped]

  func marked(_ how: TrackingFlags) -> TrackedState {
    var state = self
    state.flags = state.flags.subtracting(Self.howMade).union(how)
    return state
  }

  /// The state carried forward with the angular velocity that is foreseen and constant linear velocity.
  public func predicted(to time: Timestamp) -> TrackedState {
    let ahead = time.seconds(since: captured)
    guard ahead > 0 else { return marked(.exact) }
    let limited = min(ahead, PoseHistory.maximumPrediction)
    var state = marked(ahead > limited ? [.predicted, .predictionCapped] : .predicted)
    state.captured = ahead > limited ? captured.advanced(bySeconds: limited) : time
    // The angular velocity is in the world's axes, so the turn comes from the left.
    state.worldFromDevice.orientation =
      (Quaternion(rotationVector: meanRate(limited) * limited) * worldFromDevice.orientation)
      .normalized
    state.worldFromDevice.position += linearVelocity * limited
    // 20 rad/s² of unknown angular acceleration: a brisk turn of the head.
    let growth = 0.5 * 20 * limited * limited
    state.uncertainty.inclination += growth
    state.uncertainty.heading += growth
    state.uncertainty.position += 0.5 * 10 * limited * limited
    return state
  }

  func interpolated(to next: TrackedState, at time: Timestamp) -> TrackedState {
    let span = next.captured.seconds(since: captured)
    let fraction = span > 0 ? time.seconds(since: captured) / span : 0
    var state = marked(.interpolated)
    state.captured = time
    state.flags.formIntersection(next.flags.union(.interpolated))
    state.worldFromDevice = Pose(
      position: worldFromDevice.position
        + (next.worldFromDevice.position - worldFromDevice.position) * fraction,
      orientation: worldFromDevice.orientation.interpolated(
        to: next.worldFromDevice.orientation, fraction: fraction))
    state.angularVelocity += (next.angularVelocity - angularVelocity) * fraction
    state.linearVelocity += (next.linearVelocity - linearVelocity) * fraction
    return state
  }
}
