import Foundation
import Sensing
import Spatial
import Tracking

/// Position and attitude from inertial samples and late, noisy poses made from the optical truth of a trial.
public struct PositionBenchmark: Sendable {
  /// Rate, delay and noise of the cameras of a case.
  public struct Cameras: Sendable {
    public var name: String
    /// Frames per second.
    public var rate: Double
    /// Seconds from exposure to arrival.
    public var delay: Double
    /// Metres and rad, one standard deviation of each component.
    public var positionNoise: Double
    public var orientationNoise: Double
    /// Whether only positions are measured.
    public var isPositionOnly = false

    public static let cases: [Cameras] = [
      Cameras(
        name: "60 Hz, 25 ms late, 1 mm, 0.2 deg", rate: 60, delay: 0.025, positionNoise: 1e-3,
        orientationNoise: 0.2 * .pi / 180),
      Cameras(
        name: "30 Hz, 33 ms late, 3 mm, 0.5 deg", rate: 30, delay: 0.033, positionNoise: 3e-3,
        orientationNoise: 0.5 * .pi / 180),
      Cameras(
        name: "90 Hz, 11 ms late, 0.5 mm, 0.1 deg", rate: 90, delay: 0.011, positionNoise: 0.5e-3,
        orientationNoise: 0.1 * .pi / 180),
      Cameras(
        name: "60 Hz, 25 ms late, 1 mm, positions only", rate: 60, delay: 0.025, positionNoise: 1e-3,
        orientationNoise: 0.2 * .pi / 180, isPositionOnly: true),
    ]
  }

  public struct Score: Sendable {
    /// Millimetres and degrees, root mean square over the movement.
    public var positionNow = 0.0
    public var orientationNow = 0.0
    public var positionAhead = 0.0
    public var orientationAhead = 0.0
    /// Squared error divided by the covariance, for three components: 1 is consistent.
    public var positionNEES = 0.0
    public var attitudeNEES = 0.0

    /// Makes a score from sums of squares in m² and rad².
    fileprivate mutating func divide(by count: Double) {
      let degrees = 180 / Double.pi
      positionNow = (positionNow / count).squareRoot() * 1000
      positionAhead = (positionAhead / count).squareRoot() * 1000
      orientationNow = (orientationNow / count).squareRoot() * degrees
      orientationAhead = (orientationAhead / count).squareRoot() * degrees
    }
  }

  /// Horizon of the prediction, s.
  public static let horizon = 0.02
  /// Offset of the accelerometer from the point that the cameras measure, m (fitted on the trials).
  static let point = Vector3(0, 0, -0.0095)
  /// Delay of the IMU against the cameras, in samples.
  static let lag = 0.75

  public var trial: OpticalTrial
  public var settings: PositionSettings

  public init(trial: OpticalTrial, settings: PositionSettings = PositionSettings()) {
    self.trial = trial
    self.settings = settings
  }

  private static let worldFromEarth = OrientationScore.earthFromWorld.conjugate

  /// Returns the truth at a time in samples, world axes; nil without camera measurements.
  private func truth(_ place: Double) -> Pose? {
    let place = place - Self.lag
    let index = Int(place.rounded(.down))
    guard index >= 0, index + 1 < trial.truth.count, let a = trial.truth[index],
      let b = trial.truth[index + 1],
      let p = trial.position[index], let q = trial.position[index + 1]
    else { return nil }
    let part = place - Double(index)
    return Pose(
      position: Self.worldFromEarth.rotate(p + (q - p) * part),
      orientation: Self.worldFromEarth * a.interpolated(to: b, fraction: part))
  }

  /// Returns the attitude noise of the optical truth, rad: the difference between its rotations over a tenth of a second
  /// and the gyroscope's, shared between both ends. No estimate that follows the gyroscope scores better.
  public func truthNoise() -> Double {
    let steps = max(1, Int((0.1 / trial.period).rounded()))
    var sum = 0.0
    var count = 0.0
    for start in stride(from: 0, to: trial.rate.count - steps, by: 7) where trial.isMoving[start] {
      guard let first = truth(Double(start)), let last = truth(Double(start + steps)) else { continue }
      var turned = first.orientation
      for index in (start + 1)...(start + steps) {
        turned = turned * Quaternion(rotationVector: trial.rate[index] * trial.period)
      }
      sum += (turned.conjugate * last.orientation).rotationVector.squaredLength
      count += 1
    }
    return (sum / max(1, count) / 2).squareRoot()
  }

  /// - Parameter blind: seconds of the trial without camera measurements.
  public func score(_ cameras: Cameras, seed: UInt64 = 1, blind: ClosedRange<Double>? = nil) -> Score {
    var score = Score()
    var count = 0.0
    var honest = 0.0
    run(cameras, seed: seed, blind: blind) { index, filter in
      guard trial.isMoving[index], index % 3 == 0, let state = filter.newest, let now = truth(Double(index))
      else { return }
      let ahead = truth(Double(index) + Self.horizon / trial.period)
      func point(_ pose: Pose) -> Vector3 { pose.transform(Self.point) }
      let positionError = point(state.worldFromUnit) - now.position
      let turn = now.orientation * state.worldFromUnit.orientation.conjugate
      guard let ahead else { return }
      let predicted = filter.predicted(Self.horizon) ?? state.worldFromUnit
      score.positionNow += positionError.squaredLength
      score.orientationNow += turn.rotationVector.squaredLength
      score.positionAhead += (point(predicted) - ahead.position).squaredLength
      let turnAhead = predicted.orientation.angle(to: ahead.orientation)
      score.orientationAhead += turnAhead * turnAhead
      count += 1
      guard index % 30 == 0, let uncertainty = filter.uncertainty, let p = uncertainty.position.inverse,
        let q = uncertainty.attitude.inverse
      else { return }
      score.positionNEES += positionError.dot(p * positionError) / 3
      score.attitudeNEES += turn.rotationVector.dot(q * turn.rotationVector) / 3
      honest += 1
    }
    score.divide(by: count)
    score.positionNEES /= honest
    score.attitudeNEES /= honest
    return score
  }

  /// Scores the poses that a renderer receives: from a device's tracker, predicted by its history, with corrections
  /// spread over time.
  public func scoreShown(_ cameras: Cameras, seed: UInt64 = 1) -> Score {
    var score = Score()
    var count = 0.0
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: 1 / trial.period, clock: nil, origin: .recorded)
    feed(cameras, seed: seed, blind: nil) {
      _ = tracker.measure($0)
    } sample: { index, time in
      let state = tracker.process(
        InertialSample(
          received: time, angularVelocity: trial.rate[index], specificForce: trial.force[index]))
      guard trial.isMoving[index], index % 3 == 0, let pose = state?.worldFromDevice,
        let now = truth(Double(index)), let ahead = truth(Double(index) + Self.horizon / trial.period),
        let predicted = tracker.history.state(at: time.advanced(bySeconds: Self.horizon))?.worldFromDevice
      else { return }
      let turn = pose.orientation.angle(to: now.orientation)
      let turnAhead = predicted.orientation.angle(to: ahead.orientation)
      score.positionNow += (pose.transform(Self.point) - now.position).squaredLength
      score.orientationNow += turn * turn
      score.positionAhead += (predicted.transform(Self.point) - ahead.position).squaredLength
      score.orientationAhead += turnAhead * turnAhead
      count += 1
    }
    score.divide(by: count)
    (score.positionNEES, score.attitudeNEES) = (.nan, .nan)
    return score
  }

  /// Feeds a filter in the order of arrival and calls back after each sample.
  public func run(
    _ cameras: Cameras, seed: UInt64, blind: ClosedRange<Double>? = nil,
    observe: (_ sample: Int, _ filter: inout PositionFilter) -> Void
  ) {
    var filter = PositionFilter(settings: settings)
    var orientation = OrientationFilter()
    feed(cameras, seed: seed, blind: blind) {
      filter.add($0, attitude: orientation.worldFromDevice)
    } sample: { index, time in
      orientation.update(
        rate: trial.rate[index], force: trial.force[index], field: trial.field[index], step: trial.period)
      filter.add(
        PositionFilter.Sample(
          captured: time, rate: orientation.corrected(trial.rate[index]), force: trial.force[index]))
      observe(index, &filter)
    }
  }

  /// Measurements of the cameras and the IMU in the order of arrival.
  private func feed(
    _ cameras: Cameras, seed: UInt64, blind: ClosedRange<Double>?,
    measurement: (PoseMeasurement) -> Void, sample: (_ index: Int, _ time: Timestamp) -> Void
  ) {
    var random = SeededRandom(seed: seed)
    var frame = 0
    for index in trial.rate.indices {
      let now = Double(index) * trial.period
      while Double(frame) / cameras.rate + cameras.delay <= now {
        let time = Double(frame) / cameras.rate
        frame += 1
        let place = random.gaussian3() * cameras.positionNoise
        let turn = random.gaussian3() * cameras.orientationNoise
        if let blind, blind.contains(time) { continue }
        guard let pose = truth(time / trial.period) else { continue }
        measurement(
          PoseMeasurement(
            captured: Timestamp(nanoseconds: Int64(time * 1e9)), position: pose.position + place,
            positionNoise: cameras.positionNoise,
            orientation: cameras.isPositionOnly ? nil : Quaternion(rotationVector: turn) * pose.orientation,
            orientationNoise: cameras.orientationNoise, point: Self.point))
      }
      sample(index, Timestamp(nanoseconds: Int64(now * 1e9)))
    }
  }
}
