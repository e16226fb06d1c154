import Sensing
import Spatial

/// The 26 joints of XR_EXT_hand_tracking (OpenXR specification, "XrHandJointEXT") from MediaPipe's 21 landmarks.
///
/// Joints are in OpenXR's order: palm, wrist, then thumb (4) and the other fingers (5 each). The palm and the metacarpal
/// joints, which MediaPipe does not detect, are derived and marked as inferred.
enum HandSkeleton {
  static let jointCount = 26

  /// The landmark of each OpenXR joint; nil for inferred joints.
  static let landmarks: [Int?] = [
    nil, 0, 1, 2, 3, 4, nil, 5, 6, 7, 8, nil, 9, 10, 11, 12, nil, 13, 14, 15, 16, nil, 17, 18, 19, 20,
  ]

  /// Radii of an average adult hand in metres, scaled with the hand. Half the breadths of finger joints in anthropometric
  /// surveys (Greiner, "Hand Anthropometry of U.S. Army Personnel", 1991: index finger's breadth 18 to 20 mm).
  private static let radii: [Double] = [
    0.020, 0.022, 0.017, 0.013, 0.011, 0.009, 0.019, 0.012, 0.010, 0.009, 0.008, 0.018, 0.012, 0.010, 0.009,
    0.008, 0.017, 0.011, 0.009, 0.008, 0.007, 0.016, 0.010, 0.008, 0.007, 0.006,
  ]
  /// Length from the wrist to the middle finger's knuckle of that hand, in metres.
  private static let averagePalm = 0.095

  /// - Parameters:
  ///   - points: 21 positions in one frame, in metres.
  ///   - isRight: handedness.
  static func joints(_ points: [Vector3], isRight: Bool) -> [Annotation.Joint] {
    guard points.count == 21, points.allSatisfy(\.isFinite) else { return [] }
    let wrist = points[0]
    let scale = min(max((points[9] - wrist).length / averagePalm, 0.3), 3)
    // The normal of the back of the hand, from the knuckles and the fingers' direction.
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
        // The metacarpal bones begin at about a fifth of the distance from the wrist to the knuckle.
        let knuckle = points[landmarks[joint + 1] ?? 0]
        positions.append(wrist + (knuckle - wrist) * 0.2)
      }
    }
    var result: [Annotation.Joint] = []
    for joint in 0..<jointCount {
      let tail: Vector3
      switch joint {
      case 0, 1: tail = points[9] - wrist
      // Tips have the direction of the last bone.
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
