import Spatial

/// Puts a hand that one camera sees into space.
///
/// The landmark model says how the hand is shaped and turned, in metres of a hand of usual size; the pixels say along
/// which rays its points lie. The place is the one where the points come nearest to their rays, in least squares. A
/// hand that is larger than usual comes out nearer than it is, by as much.
enum HandLift {
  /// - Parameters:
  ///   - metric: points around the hand's middle, camera's frame, metres.
  ///   - rays: directions of length one from the camera, for the same points.
  /// - Returns: the points in the camera's frame; nil when they can't be placed.
  static func place(_ metric: [Vector3], along rays: [Vector3]) -> [Vector3]? {
    guard metric.count == rays.count, metric.count >= 3 else { return nil }
    // Distance of a point p from a ray d: |(1 − d dᵀ) p|. The sum of squares is least where A t = b.
    var a = Matrix3.zero
    var b = Vector3.zero
    for (point, ray) in zip(metric, rays) {
      let projector = Matrix3.identity - Matrix3(ray * ray.x, ray * ray.y, ray * ray.z)
      a += projector
      b -= projector * point
    }
    guard let inverse = a.inverse else { return nil }
    let shift = inverse * b
    // In front of the camera, and within a few arms' lengths.
    guard shift.isFinite, shift.z < -0.05, shift.z > -5 else { return nil }
    return metric.map { $0 + shift }
  }

  /// The point that lies nearest to two rays, and how far they pass each other: a hand that two cameras see needs no
  /// usual size.
  static func triangulate(
    _ first: (origin: Vector3, direction: Vector3), _ second: (origin: Vector3, direction: Vector3)
  ) -> (point: Vector3, gap: Double)? {
    let w = first.origin - second.origin
    let b = first.direction.dot(second.direction)
    let (d, e) = (first.direction.dot(w), second.direction.dot(w))
    let denominator = 1 - b * b
    guard denominator > 1e-9 else { return nil }
    let s = (b * e - d) / denominator
    let t = (e - b * d) / denominator
    guard s > 0, t > 0 else { return nil }
    let (p, q) = (first.origin + first.direction * s, second.origin + second.direction * t)
    return ((p + q) / 2, (p - q).length)
  }
}
