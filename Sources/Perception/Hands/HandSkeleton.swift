import Sensing
import Spatial

/// The 26 joints of XR_EXT_hand_tracking (OpenXR specification, "XrHandJointEXT") from MediaPipe's 21 landmarks.
///
/// Joints stand in OpenXR's order: palm, wrist, then thumb (4) and the other fingers (5 each). What MediaPipe does not
/// see, the palm's middle and the metacarpal joints, is computed and marked as inferred.
enum HandSkeleton {
  static let jointCount = 26

  /// For each joint of OpenXR the landmark; nil for those that are inferred.
  static let landmarks: [Int?] = [
    nil, 0, 1, 2, 3, 4, nil, 5, 6, 7, 8, nil, 9, 10, 11, 12, nil, 13, 14, 15, 16, nil, 17, 18, 19, 20,
  ]

  /// Metres, of a usual adult hand; scaled with the hand. Half the breadths of finger joints in anthropometric
  /// surveys (Greiner, "Hand Anthropometry of U.S. Army Personnel", 1991: index finger's breadth 18 to 20 mm).
  private static let radii: [Double] = [
    0.020, 0.022, 0.017, 0.013, 0.011, 0.009, 0.019, 0.012, 0.010, 0.009, 0.008, 0.018, 0.012, 0.010, 0.009,
    0.008, 0.017, 0.011, 0.009, 0.008, 0.007, 0.016, 0.010, 0.008, 0.007, 0.006,
  ]
  /// From the wrist to the knuckle of the middle finger, of that hand.
  private static let usualPalm = 0.095

  /// - Parameters:
  ///   - points: 21 positions in one frame, metres.
  ///   - isRight: of the hand.
  static func joints(_ points: [Vector3], isRight: Bool) -> [Annotation.Joint] {
    guard points.count == 21, points.allSatisfy(\.isFinite) else { return [] }
    let wrist = points[0]
    let scale = min(max((points[9] - wrist).length / usualPalm, 0.3), 3)
    // The back of the hand: across the knuckles, against the fingers.
    let along = points[9] - wrist
    let across = points[5] - points[17]
    let back = (isRight ? along.cross(across) : across.cross(along)).normalized ?? Vector3(0, 1, 0)
    var positions: [Vector3] = []
    for (joint, landmark) in landmarks.enumerated() {
      if let landmark {
        positions.append(points[landmark])
      } else if joint == 0 {
        // OpenXR: the middle of the middle finger's metacarpal bone.
        positions.append((wrist + points[9]) / 2)
      } else {
        // The metacarpal bones begin behind the wrist's bones, a fifth of the way to the knuckle.
        let knuckle = points[landmarks[joint + 1] ?? 0]
        positions.append(wrist + (knuckle - wrist) * 0.2)
      }
    }
    var result: [Annotation.Joint] = []
    for joint in 0..<jointCount {
      let tail: Vector3
      switch joint {
      case 0, 1: tail = points[9] - wrist
      // Tips look where their last bone does.
      case 5, 10, 15, 20, 25: tail = positions[joint] - positions[joint - 1]
      default: tail = positions[joint + 1] - positions[joint]
      }
      result.append(
        Annotation.Joint(
          pose: Pose(position: positions[joint], orientation: orientation(forward: tail, up: back)),
          radius: radii[joint] * scale, isInferred: landmarks[joint] == nil))
    }
    return result
  }

  /// −Z along the bone towards the tip, +Y out of the back of the hand.
  private static func orientation(forward: Vector3, up: Vector3) -> Quaternion {
    guard let z = (-forward).normalized else { return .identity }
    guard let x = up.cross(z).normalized else { return Quaternion(from: Vector3(0, 0, 1), to: z) }
    // Rows of the transposed matrix are the axes.
    return Matrix3(x, z.cross(x), z).transposed.rotation ?? .identity
  }
}
