import Foundation
import InertialTables
import Sensing
import Spatial
import Tracking

/// Errors of predicted orientations against the later ones.
public struct PredictionBenchmark: Sendable {
  public struct Score: Sendable {
    /// Seconds.
    public var horizon: Double
    /// Degrees: root mean square and 99th percentile, of the history's prediction and of constant angular velocity.
    public var rms: Double
    public var p99: Double
    public var constantRMS: Double
    public var constantP99: Double
  }

  /// Time, attitude (parent from device) and rate (rad/s, device axes; nil where only poses are known).
  public struct Moment: Sendable {
    public var time: Double
    public var orientation: Quaternion
    public var rate: Vector3?
    /// Whether errors at this time count.
    public var isCounted: Bool
  }

  public var poses: [Moment]
  /// s: poses further apart are two recordings.
  static let longestGap = 0.1

  public init(poses: [Moment]) { self.poses = poses }

  /// Takes the gyroscope's rates (minus their mean at rest) and the optical attitudes of a trial.
  public init(_ trial: OpticalTrial) {
    let still = max(1, trial.firstMovement - Int(1 / trial.period))
    let bias = trial.rate[..<still].reduce(Vector3.zero, +) / Double(still)
    poses = trial.rate.indices.compactMap { index in
      trial.truth[index].map {
        Moment(
          time: Double(index) * trial.period, orientation: $0, rate: trial.rate[index] - bias,
          isCounted: trial.isMoving[index])
      }
    }
  }

  /// Takes poses alone, from a table with the columns t_s, qx, qy, qz, qw.
  public init(_ table: NumericTable) throws(TableError) {
    var columns: [[Double]] = []
    for name in ["t_s", "qx", "qy", "qz", "qw"] {
      guard let index = table.columns.firstIndex(of: name) else {
        throw TableError(
          file: table.file, line: 1, problem: "no column '\(name)'; needed are t_s, qx, qy, qz, qw")
      }
      columns.append(table.values[index])
    }
    poses = []
    for row in 0..<table.rowCount {
      let q = Quaternion(x: columns[1][row], y: columns[2][row], z: columns[3][row], w: columns[4][row])
      guard q.isFinite, columns[0][row].isFinite else { continue }
      poses.append(Moment(time: columns[0][row], orientation: q.normalized, rate: nil, isCounted: true))
    }
  }

  public func scores(horizons: [Double] = [0.02, 0.04, 0.06]) -> [Score] {
    var history = PoseHistory()
    var errors = horizons.map { _ in [Double]() }
    var constant = errors
    var last: Moment?
    var later = [Int](repeating: 0, count: horizons.count)
    for (index, pose) in poses.enumerated() {
      defer { last = pose }
      guard let last, pose.time > last.time, pose.time - last.time < Self.longestGap else {
        history.removeAll()
        continue
      }
      let difference =
        (last.orientation.conjugate * pose.orientation).rotationVector / (pose.time - last.time)
      let rate = pose.rate ?? difference
      let captured = Timestamp(nanoseconds: 0).advanced(bySeconds: pose.time)
      history.append(
        TrackedState(
          captured: captured, received: captured,
          worldFromDevice: Pose(orientation: pose.orientation),
          angularVelocity: pose.orientation.rotate(rate)), isCoarse: pose.rate == nil)
      guard pose.isCounted else { continue }
      for (place, horizon) in horizons.enumerated() {
        let time = pose.time + horizon
        later[place] = max(later[place], index)
        while later[place] + 1 < poses.count, poses[later[place] + 1].time <= time { later[place] += 1 }
        guard later[place] + 1 < poses.count else { continue }
        let before = poses[later[place]]
        let after = poses[later[place] + 1]
        guard after.time - before.time < Self.longestGap, after.time > before.time else { continue }
        let truth = before.orientation.interpolated(
          to: after.orientation, fraction: (time - before.time) / (after.time - before.time))
        guard let state = history.state(at: captured.advanced(bySeconds: horizon)) else { continue }
        errors[place].append(state.worldFromDevice.orientation.angle(to: truth))
        constant[place].append(
          (pose.orientation * Quaternion(rotationVector: rate * horizon)).angle(to: truth))
      }
    }
    return horizons.indices.map { place in
      let (a, b) = (Self.figures(errors[place]), Self.figures(constant[place]))
      return Score(
        horizon: horizons[place], rms: a.rms, p99: a.p99, constantRMS: b.rms, constantP99: b.p99)
    }
  }

  private static func figures(_ errors: [Double]) -> (rms: Double, p99: Double) {
    guard !errors.isEmpty else { return (.nan, .nan) }
    let sorted = errors.sorted()
    let rms = (sorted.reduce(0) { $0 + $1 * $1 } / Double(sorted.count)).squareRoot()
    return (rms * 180 / .pi, sorted[min(sorted.count - 1, sorted.count * 99 / 100)] * 180 / .pi)
  }
}
