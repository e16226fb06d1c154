import Sensing
import Spatial

/// Collects what a calibration without a turntable needs: rests in many attitudes, and the turns between them
/// (Tedaldi, Pretto and Menegatti, "A robust and easy to implement method for IMU calibration without external
/// equipments", ICRA 2014).
public struct CalibrationSession: Sendable {
  /// A rest in one attitude.
  public struct StillPose: Sendable {
    /// Means of the raw readings.
    public var rate: Vector3
    public var force: Vector3
    public var temperature: Double?
    /// Indices in `turns` of its first and last sample.
    public var first: Int
    public var last: Int
    /// Rests of different stretches are not joined: the turn over a gap between them is not known.
    public var stretch: Int
  }

  public struct Progress: Sendable {
    public var isStill: Bool
    /// 0...1 of the present rest.
    public var stillShare: Double
    public var poses: Int
    /// Attitudes that differ by more than `CalibrationSession.distinctAngle`.
    public var distinctPoses: Int
    /// Directions of the device, as seen from it, that have not yet pointed up: "+x", "-z", …
    public var missing: [String]
    public var seconds: Double

    public var isComplete: Bool { distinctPoses >= CalibrationSession.wantedPoses && missing.isEmpty }
  }

  public static let wantedPoses = 12
  /// rad.
  public static let distinctAngle = 0.35
  /// s of rest that one pose takes, and that the start takes to learn what stillness is.
  public static let restSeconds = 1.5
  /// rad/s and m/s²: deviations from the mean within which a device is still, for a unit that lies or is held
  /// against something firm.
  static let stillRate = 0.05
  static let stillForce = 0.4
  /// A direction has pointed up when gravity came within this of it.
  static let upAngle = 0.6
  /// Half an hour at 2 kHz.
  static let maximumSamples = 3_600_000

  /// Raw rate and step of each sample.
  private(set) var turns: ContiguousArray<(rate: Vector3, step: Double)> = []
  public private(set) var poses: [StillPose] = []
  public private(set) var fields: [Vector3] = []
  private var window: (start: Int, rate: Vector3, force: Vector3, temperature: Double, seconds: Double)?
  private var meanRate = Vector3.zero
  private var meanForce = Vector3.zero
  private var hasMeans = false
  private var stretch = 0
  private var last: Timestamp?
  /// Seconds of samples so far.
  public private(set) var elapsed = 0.0

  public init() {}

  /// Takes one raw sample (nominal scale, OpenXR axes).
  ///
  /// - Parameter time: when it was taken.
  public mutating func add(_ sample: InertialSample, at time: Timestamp) {
    guard sample.angularVelocity.isFinite, sample.specificForce.isFinite else { return }
    defer { last = time }
    guard let last, time > last, turns.count < Self.maximumSamples else { return }
    let step = time.seconds(since: last)
    guard step < 0.25 else {
      finishRest()
      stretch += 1
      return
    }
    elapsed += step
    turns.append((sample.angularVelocity, step))
    if let field = sample.magneticField, field.isFinite { fields.append(field) }
    if !hasMeans {
      (meanRate, meanForce, hasMeans) = (sample.angularVelocity, sample.specificForce, true)
    }
    let isStill =
      !sample.isSaturated
      && (sample.angularVelocity - meanRate).length < Self.stillRate
      && (sample.specificForce - meanForce).length < Self.stillForce
    let gain = step / (0.25 + step)
    meanRate += (sample.angularVelocity - meanRate) * gain
    meanForce += (sample.specificForce - meanForce) * gain
    guard isStill else { return finishRest() }
    if window == nil { window = (turns.count - 1, .zero, .zero, 0, 0) }
    window?.rate += sample.angularVelocity * step
    window?.force += sample.specificForce * step
    window?.temperature += (sample.temperature ?? .nan) * step
    window?.seconds += step
  }

  private mutating func finishRest() {
    guard let window else { return }
    self.window = nil
    guard window.seconds >= Self.restSeconds else { return }
    let temperature = window.temperature / window.seconds
    poses.append(
      StillPose(
        rate: window.rate / window.seconds, force: window.force / window.seconds,
        temperature: temperature.isFinite ? temperature : nil, first: window.start, last: turns.count - 2,
        stretch: stretch))
  }

  /// Ends the last rest; to be called before a fit.
  public mutating func finish() { finishRest() }

  public var progress: Progress {
    var directions: [Vector3] = []
    var ups: [Vector3] = poses.map(\.force)
    if let window, window.seconds >= Self.restSeconds { ups.append(window.force / window.seconds) }
    for force in ups {
      guard let up = force.normalized else { continue }
      if directions.allSatisfy({ $0.dot(up) < 0.94 }) { directions.append(up) }
    }
    let axes: [(String, Vector3)] = [
      ("+x", Vector3(1, 0, 0)), ("-x", Vector3(-1, 0, 0)), ("+y", Vector3(0, 1, 0)),
      ("-y", Vector3(0, -1, 0)),
      ("+z", Vector3(0, 0, 1)), ("-z", Vector3(0, 0, -1)),
    ]
    // cos(0.6 rad)
    let missing = axes.filter { axis in !directions.contains { $0.dot(axis.1) > 0.825 } }.map(\.0)
    let held = window?.seconds ?? 0
    return Progress(
      isStill: window != nil && held > 0.2, stillShare: min(1, held / Self.restSeconds), poses: ups.count,
      distinctPoses: directions.count, missing: missing, seconds: elapsed)
  }
}
