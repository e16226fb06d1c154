import Foundation
import Spatial

/// Converts poses to axes of other programs.
enum Axes {
  /// Converts to Unity's axes: left-handed, X right, Y up, Z forward.
  static func unity(_ pose: Pose) -> Pose {
    let (p, q) = (pose.position, pose.orientation)
    return Pose(
      position: Vector3(p.x, p.y, -p.z), orientation: Quaternion(x: -q.x, y: -q.y, z: q.z, w: q.w))
  }

  /// Returns Unity's Euler angles in degrees: rotations about Z, then X, then Y of the world.
  ///
  /// - Parameter q: in Unity's axes.
  static func unityEuler(_ q: Quaternion) -> Vector3 {
    let degree = 180 / Double.pi
    // R = Ry Rx Rz; row 2, column 3 of the matrix is the negative sine of the middle angle.
    let sine = 2 * (q.w * q.x - q.y * q.z)
    let x = asin(min(max(sine, -1), 1))
    guard abs(sine) < 0.999_999 else {
      // At the poles rotations about Y and Z are the same.
      return Vector3(x, 2 * atan2(q.y, q.w), 0) * degree
    }
    let y = atan2(2 * (q.x * q.z + q.w * q.y), 1 - 2 * (q.x * q.x + q.y * q.y))
    let z = atan2(2 * (q.x * q.y + q.w * q.z), 1 - 2 * (q.x * q.x + q.z * q.z))
    return Vector3(x, y, z) * degree
  }

  /// Returns opentrack's angles in degrees: yaw to the right, pitch up and roll to the right are positive.
  static func opentrackAngles(_ q: Quaternion) -> (yaw: Double, pitch: Double, roll: Double) {
    let degree = 180 / Double.pi
    let forward = q.rotate(Vector3(0, 0, -1))
    let right = q.rotate(Vector3(1, 0, 0))
    let up = q.rotate(Vector3(0, 1, 0))
    return (
      atan2(forward.x, -forward.z) * degree, asin(min(max(forward.y, -1), 1)) * degree,
      atan2(-right.y, up.y) * degree
    )
  }
}
