import Spatial

/// Estimates the position of a hand from one camera.
///
/// The landmark model gives the shape and orientation of a hand of average size; the pixels give the rays of its
/// landmarks. The position minimises the sum of squared distances between landmarks and rays. The distance of a hand is
/// underestimated in proportion to its size.
enum HandLift {
  /// - Parameters:
  ///   - metric: landmarks relative to the hand's centre, in the camera's frame, in metres.
  ///   - rays: unit vectors from the camera to the same landmarks.
  /// - Returns: the landmarks in the camera's frame; nil without a plausible position.
  static func position(_ metric: [Vector3], along rays: [Vector3]) -> [Vector3]? {
    guard metric.count == rays.count, metric.count >= 3 else { return nil }
    // The distance of a point p from a ray d is |(1 − d dᵀ) p|; the sum of squares is minimal for A t = b.
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

  /// Returns the point nearest to two rays and the distance between the rays, in metres; nil for parallel rays.
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
