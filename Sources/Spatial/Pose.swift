/// A rigid transform: the place and attitude of a child frame in a parent frame (metres).
public struct Pose: Hashable, Sendable {
  public var position: Vector3
  public var orientation: Quaternion

  public init(position: Vector3 = .zero, orientation: Quaternion = .identity) {
    self.position = position
    self.orientation = orientation
  }

  public static let identity = Pose()

  /// `aFromB * bFromC == aFromC`.
  public static func * (left: Pose, right: Pose) -> Pose {
    Pose(
      position: left.position + left.orientation.rotate(right.position),
      orientation: left.orientation * right.orientation)
  }

  /// The point, given in the child's frame, in the parent's frame.
  public func transform(_ point: Vector3) -> Vector3 { position + orientation.rotate(point) }

  public var inverse: Pose {
    let back = orientation.conjugate
    return Pose(position: -back.rotate(position), orientation: back)
  }
}
