import Foundation
import Spatial

/// Root mean square errors over the movement of a trial, in degrees (metric of the BROAD paper).
public struct OrientationScore: Sendable {
  public var total: Double
  public var heading: Double
  public var inclination: Double

  /// Rotation from the world of vrbridge (Y up, −Z north) to that of the trials (Z up, Y north).
  static let earthFromWorld = Quaternion(angle: .pi / 2, axis: Vector3(1, 0, 0))

  /// - Parameters:
  ///   - poses: world from IMU, one for each sample from `start` on.
  ///   - lag: delay of the IMU against the cameras in samples, 0...1.
  ///   - isHeadingFree: whether the mean heading error of the last second before the movement is subtracted.
  public init(
    _ poses: [Quaternion], of trial: OpticalTrial, from start: Int, lag: Double, isHeadingFree: Bool
  ) {
    var errors = poses.indices.map { index -> Quaternion? in
      Self.truth(trial, start + index, lag).map { Self.earthFromWorld * poses[index] * $0.conjugate }
    }
    if isHeadingFree {
      let first = trial.firstMovement - start
      let second = Int(1 / trial.period)
      var window = (max(0, first - second)...first).compactMap { errors[$0] }
      if window.count < 10 {
        window = (first..<min(first + second, errors.count)).compactMap { errors[$0] }
      }
      var (cosine, sine) = (0.0, 0.0)
      for error in window {
        let angle = 2 * atan2(error.z, error.w)
        cosine += cos(angle)
        sine += sin(angle)
      }
      let back = Quaternion(angle: -atan2(sine, cosine), axis: Vector3(0, 0, 1))
      errors = errors.map { $0.map { back * $0 } }
    }
    var sums = Vector3.zero
    var count = 0.0
    for (index, error) in errors.enumerated() where trial.isMoving[start + index] {
      guard let error else { continue }
      let total = 2 * acos(min(1, abs(error.w)))
      let heading = 2 * atan2(abs(error.z), abs(error.w))
      let inclination = 2 * acos(min(1, (error.w * error.w + error.z * error.z).squareRoot()))
      sums += Vector3(total * total, heading * heading, inclination * inclination)
      count += 1
    }
    let degrees = 180 / Double.pi
    total = (sums.x / count).squareRoot() * degrees
    heading = (sums.y / count).squareRoot() * degrees
    inclination = (sums.z / count).squareRoot() * degrees
  }

  private static func truth(_ trial: OpticalTrial, _ index: Int, _ lag: Double) -> Quaternion? {
    guard let now = trial.truth[index] else { return nil }
    guard lag > 0, index > 0 else { return now }
    guard let before = trial.truth[index - 1] else { return nil }
    return now.interpolated(to: before, fraction: lag)
  }
}
