import Spatial

/// Smooths a pose for a display, at the price of delay (Casiez, Roussel and Vogel, "1€ filter", CHI 2012): little at
/// speed, more at rest. Off unless someone puts it in; poses that rest on an inertial unit need none.
public struct OneEuroFilter: Sendable {
  /// Hz: cutoff at rest.
  public var lowestCutoff: Double
  /// Hz per rad/s of turning, and per m/s of moving.
  public var cutoffPerTurn: Double
  public var cutoffPerSpeed: Double
  /// Hz: cutoff of the speeds themselves.
  static let speedCutoff = 1.0

  private var last: (time: Timestamp, pose: Pose)?
  private var turnRate = 0.0
  private var speed = 0.0
  /// Seconds that the last pose lags behind for slow changes: 1/(2π·cutoff).
  public private(set) var delay = 0.0

  public init(lowestCutoff: Double = 1.5, cutoffPerTurn: Double = 2, cutoffPerSpeed: Double = 5) {
    self.lowestCutoff = max(lowestCutoff, 1e-3)
    self.cutoffPerTurn = max(cutoffPerTurn, 0)
    self.cutoffPerSpeed = max(cutoffPerSpeed, 0)
  }

  /// - Returns: the smoothed pose; poses that are not newer than the last change nothing.
  public mutating func smooth(_ pose: Pose, at time: Timestamp) -> Pose {
    guard let last else {
      last = (time, pose)
      return pose
    }
    let step = time.seconds(since: last.time)
    guard step > 0 else { return last.pose }
    guard step < 1 else {
      self.last = (time, pose)
      (turnRate, speed) = (0, 0)
      return pose
    }
    func share(_ cutoff: Double) -> Double { 1 / (1 + 1 / (2 * .pi * cutoff * step)) }
    let turn = last.pose.orientation.angle(to: pose.orientation)
    let way = (pose.position - last.pose.position).length
    turnRate += (turn / step - turnRate) * share(Self.speedCutoff)
    speed += (way / step - speed) * share(Self.speedCutoff)
    let turnCutoff = lowestCutoff + cutoffPerTurn * turnRate
    let wayCutoff = lowestCutoff + cutoffPerSpeed * speed
    delay = 1 / (2 * .pi * min(turnCutoff, wayCutoff))
    let smoothed = Pose(
      position: last.pose.position + (pose.position - last.pose.position) * share(wayCutoff),
      orientation: last.pose.orientation.interpolated(to: pose.orientation, fraction: share(turnCutoff)))
    self.last = (time, smoothed)
    return smoothed
  }
}
