import Foundation
import Imaging

/// The smallest rotated rectangle around points: by rotating calipers over their convex hull (Toussaint, "Solving
/// geometric problems with the rotating calipers", 1983).
enum MinimumRectangle {
  static func around(_ points: [SIMD2<Double>]) -> PictureRegion? {
    let hull = convexHull(points)
    guard hull.count >= 2 else { return nil }
    var best: (area: Double, region: PictureRegion)?
    for index in hull.indices {
      let edge = hull[(index + 1) % hull.count] - hull[index]
      let length = (edge * edge).sum().squareRoot()
      guard length > 0 else { continue }
      let along = edge / length
      let across = SIMD2(-along.y, along.x)
      let u = hull.map { ($0 * along).sum() }
      let v = hull.map { ($0 * across).sum() }
      guard let lowU = u.min(), let highU = u.max(), let lowV = v.min(), let highV = v.max() else { continue }
      let area = (highU - lowU) * (highV - lowV)
      if let known = best, known.area <= area { continue }
      let center = along * ((lowU + highU) / 2) + across * ((lowV + highV) / 2)
      best = (
        area,
        PictureRegion(
          centerX: center.x, centerY: center.y, width: highU - lowU, height: highV - lowV,
          rotation: atan2(along.y, along.x))
      )
    }
    return best?.region
  }

  /// Andrew's monotone chain, counter-clockwise.
  static func convexHull(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
    let sorted = Set(points).sorted { ($0.x, $0.y) < ($1.x, $1.y) }
    guard sorted.count > 2 else { return sorted }
    func half(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
      var chain: [SIMD2<Double>] = []
      for point in points {
        while chain.count >= 2 {
          let (a, b) = (chain[chain.count - 2], chain[chain.count - 1])
          let turn = (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x)
          if turn > 0 { break }
          chain.removeLast()
        }
        chain.append(point)
      }
      chain.removeLast()
      return chain
    }
    return half(sorted) + half(sorted.reversed())
  }
}
