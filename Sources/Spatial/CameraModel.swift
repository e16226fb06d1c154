import Foundation

/// How a camera maps directions to pixels.
///
/// The camera's frame is OpenXR's: X right, Y up, −Z into the picture. Pixels count from the upper left corner, x to
/// the right and y down, with whole numbers at pixels' middles.
public struct CameraModel: Sendable, Hashable {
  public enum Distortion: Sendable, Hashable {
    case none
    /// Brown–Conrady, in OpenCV's order: k1, k2, p1, p2, k3.
    case radialTangential(k1: Double, k2: Double, p1: Double, p2: Double, k3: Double)
    /// Kannala–Brandt (2006), as OpenCV's fisheye model: the angle's odd powers.
    case fisheye(k1: Double, k2: Double, k3: Double, k4: Double)
  }

  public var width: Int
  public var height: Int
  /// Focal lengths and principal point, in pixels.
  public var focalX: Double
  public var focalY: Double
  public var centerX: Double
  public var centerY: Double
  public var distortion: Distortion
  /// The camera in the head's frame.
  public var headFromCamera: Pose
  /// Nobody measured it: a usual lens was taken.
  public var isAssumed: Bool

  public init(
    width: Int, height: Int, focalX: Double, focalY: Double, centerX: Double, centerY: Double,
    distortion: Distortion = .none, headFromCamera: Pose = .identity, isAssumed: Bool = false
  ) {
    self.width = width
    self.height = height
    self.focalX = focalX
    self.focalY = focalY
    self.centerX = centerX
    self.centerY = centerY
    self.distortion = distortion
    self.headFromCamera = headFromCamera
    self.isAssumed = isAssumed
  }

  /// A lens that sees 65° across, as many web cameras do.
  public static func assumed(width: Int, height: Int) -> CameraModel {
    let focal = Double(width) / 2 / tan(65.0 / 2 * .pi / 180)
    return CameraModel(
      width: width, height: height, focalX: focal, focalY: focal, centerX: Double(width - 1) / 2,
      centerY: Double(height - 1) / 2, isAssumed: true)
  }

  /// The same camera when it sends pictures of another size of the same view.
  public func scaled(width newWidth: Int, height newHeight: Int) -> CameraModel {
    guard newWidth != width || newHeight != height, width > 0, height > 0 else { return self }
    var model = self
    let (sx, sy) = (Double(newWidth) / Double(width), Double(newHeight) / Double(height))
    (model.width, model.height) = (newWidth, newHeight)
    (model.focalX, model.focalY) = (focalX * sx, focalY * sy)
    (model.centerX, model.centerY) = ((centerX + 0.5) * sx - 0.5, (centerY + 0.5) * sy - 0.5)
    return model
  }

  /// Where a point is seen; nil for points behind the camera.
  public func project(_ point: Vector3) -> (x: Double, y: Double)? {
    let depth = -point.z
    guard depth > 1e-9, point.isFinite else { return nil }
    let (x, y) = distort(point.x / depth, -point.y / depth)
    return (x * focalX + centerX, y * focalY + centerY)
  }

  /// The direction, of length one, in which a pixel looks.
  public func ray(x: Double, y: Double) -> Vector3 {
    let (u, v) = undistort((x - centerX) / focalX, (y - centerY) / focalY)
    return Vector3(u, -v, -1).normalized ?? Vector3(0, 0, -1)
  }

  private func distort(_ x: Double, _ y: Double) -> (Double, Double) {
    switch distortion {
    case .none: return (x, y)
    case .radialTangential(let k1, let k2, let p1, let p2, let k3):
      let r2 = x * x + y * y
      let radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
      return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
      )
    case .fisheye(let k1, let k2, let k3, let k4):
      let r = (x * x + y * y).squareRoot()
      guard r > 1e-12 else { return (x, y) }
      let angle = atan(r)
      let a2 = angle * angle
      let bent = angle * (1 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))))
      return (x * bent / r, y * bent / r)
    }
  }

  private func undistort(_ x: Double, _ y: Double) -> (Double, Double) {
    switch distortion {
    case .none: return (x, y)
    case .radialTangential(let k1, let k2, let p1, let p2, let k3):
      // Fixed point: what the distortion adds at the estimate is taken off.
      var (u, v) = (x, y)
      for _ in 0..<20 {
        let r2 = u * u + v * v
        let radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        guard radial > 0.05 else { break }
        let next = (
          (x - 2 * p1 * u * v - p2 * (r2 + 2 * u * u)) / radial,
          (y - p1 * (r2 + 2 * v * v) - 2 * p2 * u * v) / radial
        )
        let change = abs(next.0 - u) + abs(next.1 - v)
        (u, v) = next
        if change < 1e-12 { break }
      }
      return (u, v)
    case .fisheye(let k1, let k2, let k3, let k4):
      let bent = (x * x + y * y).squareRoot()
      guard bent > 1e-12 else { return (x, y) }
      // Newton on the angle; held below a right angle, where the plane ends.
      var angle = min(bent, 1.5)
      for _ in 0..<20 {
        let a2 = angle * angle
        let value = angle * (1 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4)))) - bent
        let slope = 1 + a2 * (3 * k1 + a2 * (5 * k2 + a2 * (7 * k3 + a2 * 9 * k4)))
        guard abs(slope) > 1e-9 else { break }
        let step = value / slope
        angle = min(max(angle - step, 0), 1.55)
        if abs(step) < 1e-12 { break }
      }
      let scale = tan(angle) / bent
      return (x * scale, y * scale)
    }
  }
}
