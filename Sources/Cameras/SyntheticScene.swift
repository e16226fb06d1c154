import Foundation
import Imaging
import Spatial

/// A camera on the emulated headset that renders pictures fixed in the world, for demonstrations without a camera.
///
/// The poses of the pictures are known, so annotations can be compared with the truth.
public struct SyntheticScene: Sendable {
  /// A picture fixed in the world.
  public struct Board: Sendable {
    public var name: String
    public var center: Vector3
    /// Unit vectors to the right and up, in the world.
    var right: Vector3
    var up: Vector3
    /// Size in metres.
    var width: Double
    var height: Double
    var picture: RGBImage
  }

  static let camera = "drawn camera"
  /// Frames per second.
  static let rate = 10.0

  /// With distortion like that of a real camera.
  public let model = CameraModel(
    width: 640, height: 480, focalX: 500, focalY: 500, centerX: 319.5, centerY: 239.5,
    distortion: .radialTangential(k1: -0.12, k2: 0.03, p1: 0.0005, p2: -0.0003, k3: 0))
  public private(set) var boards: [Board] = []
  /// The ray of each pixel in the camera's frame.
  private let rays: [SIMD3<Float>]

  /// - Parameter pictures: image files to add, eight at most.
  /// - Throws: `PictureError` when the drawing library is missing or a file cannot be read.
  public init(pictures: [String] = []) throws(PictureError) {
    var rays: [SIMD3<Float>] = []
    rays.reserveCapacity(model.width * model.height)
    for y in 0..<model.height {
      for x in 0..<model.width { rays.append(SIMD3<Float>(model.ray(x: Double(x), y: Double(y)))) }
    }
    self.rays = rays
    boards.append(try Self.sign())
    boards.append(try Self.hand())
    for (index, file) in pictures.prefix(8).enumerated() {
      guard let data = FileManager.default.contents(atPath: file) else {
        throw PictureError(description: "\(file) cannot be read")
      }
      let picture = try Picture.decode(Array(data))
      let height = 0.7
      // To the right of the sign and the hand, around the head.
      let angle = -0.75 - 0.6 * Double(index)
      boards.append(
        Self.board(
          URL(fileURLWithPath: file).lastPathComponent,
          at: Vector3(1.4 * sin(-angle), 0.1, -1.4 * cos(angle)),
          height: height, picture))
    }
  }

  /// A board that faces the head's initial position.
  private static func board(
    _ name: String, at center: Vector3, height: Double, _ picture: RGBImage
  ) -> Board {
    let toViewer = (-center).normalized ?? Vector3(0, 0, 1)
    let right = Vector3(0, 1, 0).cross(toViewer).normalized ?? Vector3(1, 0, 0)
    return Board(
      name: name, center: center, right: right, up: toViewer.cross(right),
      width: height * Double(picture.width) / Double(picture.height), height: height, picture: picture)
  }

  /// The text of the sign.
  public static let signText = "PUMP 3"

  private static func sign() throws(PictureError) -> Board {
    let cairo = try Cairo(width: 600, height: 260)
    cairo.color(0.98, 0.82, 0.1)
    cairo.fill(x: 0, y: 0, width: 600, height: 260)
    cairo.color(0.05, 0.05, 0.05)
    for (x, y, width, height) in [(0, 0, 600, 14), (0, 246, 600, 14), (0, 0, 14, 260), (586, 0, 14, 260)] {
      cairo.fill(x: Double(x), y: Double(y), width: Double(width), height: Double(height))
    }
    cairo.font("DejaVu Sans", isBold: true)
    cairo.text(signText, x: 62, y: 172, size: 118)
    guard let picture = cairo.image() else { throw PictureError(description: "the sign cannot be drawn") }
    return board("sign", at: Vector3(-0.33, 0.08, -1.0), height: 0.24, picture)
  }

  private static func hand() throws(PictureError) -> Board {
    let cairo = try Cairo(width: 320, height: 320)
    cairo.color(0.62, 0.68, 0.7)
    cairo.fill(x: 0, y: 0, width: 320, height: 320)
    cairo.font("Noto Color Emoji")
    cairo.text("\u{270B}", x: 30, y: 255, size: 210)
    guard let picture = cairo.image() else { throw PictureError(description: "the hand cannot be drawn") }
    // Scaled so that the hand is 19 cm long, like an average adult's.
    return board("hand", at: Vector3(0.13, -0.02, -0.45), height: 0.25, picture)
  }

  /// Renders a frame.
  ///
  /// - Parameter worldFromHead: the head's pose at `captured`.
  public func frame(worldFromHead: Pose, captured: Timestamp, sequence: UInt32) -> CameraFrame {
    let pose = worldFromHead * model.headFromCamera
    let (width, height) = (model.width, model.height)
    // Rows of the rotation, to turn all rays at once.
    let q = pose.orientation
    let axes = [Vector3(1, 0, 0), Vector3(0, 1, 0), Vector3(0, 0, 1)].map { SIMD3<Float>(q.rotate($0)) }
    var image = [UInt8](repeating: 255, count: width * height * 3)
    var depth = [Float](repeating: .infinity, count: width * height)
    rays.withUnsafeBufferPointer { rays in
      for pixel in 0..<(width * height) {
        // A wall that darkens downwards, with a line every 15 degrees to show motion.
        let ray = axes[0] * rays[pixel].x + axes[1] * rays[pixel].y + axes[2] * rays[pixel].z
        var light = 150 + 60 * ray.y
        let angle = atan2(ray.x, -ray.z) / (.pi / 12)
        if abs(angle - angle.rounded()) < 0.02 { light -= 25 }
        let value = UInt8(min(max(light, 0), 255))
        image[pixel * 3] = value
        image[pixel * 3 + 1] = value
        image[pixel * 3 + 2] = UInt8(min(Int(value) + 12, 255))
      }
    }
    for board in boards { draw(board, pose, axes, &image, &depth) }
    return CameraFrame(
      camera: Self.camera,
      pixels: PixelData(format: .rgb, width: width, height: height, stride: width * 3, bytes: image),
      captured: captured, received: captured, sequence: sequence, worldFromHead: worldFromHead)
  }

  private func draw(
    _ board: Board, _ pose: Pose, _ axes: [SIMD3<Float>], _ image: inout [UInt8], _ depth: inout [Float]
  ) {
    let normal = board.right.cross(board.up)
    let (width, height) = (model.width, model.height)
    // The projected outline bounds the work; with a corner behind the camera the whole image is searched.
    var bounds = (low: SIMD2(0.0, 0.0), high: SIMD2(Double(width - 1), Double(height - 1)))
    let toCamera = pose.inverse
    var corners: [SIMD2<Double>] = []
    for (u, v) in [
      (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0, 0.5), (0, -0.5), (0.5, 0), (-0.5, 0),
    ] {
      let point = board.center + board.right * (u * board.width) + board.up * (v * board.height)
      let seen = toCamera.transform(point)
      guard -seen.z > 0.1, abs(seen.x) < -2 * seen.z, abs(seen.y) < -2 * seen.z,
        let corner = model.project(seen)
      else { continue }
      corners.append(SIMD2(corner.x, corner.y))
    }
    if corners.isEmpty { return }
    if corners.count == 8 {
      let margin = SIMD2(4.0, 4.0)
      let low = corners.reduce(corners[0]) { pointwiseMin($0, $1) } - margin
      let high = corners.reduce(corners[0]) { pointwiseMax($0, $1) } + margin
      bounds = (pointwiseMax(bounds.low, low), pointwiseMin(bounds.high, high))
    }
    guard bounds.low.x < bounds.high.x, bounds.low.y < bounds.high.y else { return }
    let n = SIMD3<Float>(normal)
    let toCenter = SIMD3<Float>(board.center - pose.position)
    let distance = (n * toCenter).sum()
    let (right, up) = (SIMD3<Float>(board.right), SIMD3<Float>(board.up))
    let (wide, high) = (Float(board.width), Float(board.height))
    let texture = (width: board.picture.width, height: board.picture.height)
    board.picture.withPixels { pixels in
      for y in Int(bounds.low.y)...Int(bounds.high.y) {
        for x in Int(bounds.low.x)...Int(bounds.high.x) {
          let pixel = y * width + x
          let ray = axes[0] * rays[pixel].x + axes[1] * rays[pixel].y + axes[2] * rays[pixel].z
          let slope = (n * ray).sum()
          guard abs(slope) > 1e-6 else { continue }
          let t = distance / slope
          guard t > 0, t < depth[pixel] else { continue }
          let hit = ray * t - toCenter
          let u = ((hit * right).sum() / wide + 0.5) * Float(texture.width) - 0.5
          let v = (0.5 - (hit * up).sum() / high) * Float(texture.height) - 0.5
          guard u > -0.5, v > -0.5, u < Float(texture.width) - 0.5, v < Float(texture.height) - 0.5 else {
            continue
          }
          depth[pixel] = t
          let (x0, y0) = (Int(max(u, 0)), Int(max(v, 0)))
          let (x1, y1) = (min(x0 + 1, texture.width - 1), min(y0 + 1, texture.height - 1))
          let (fx, fy) = (min(max(u - Float(x0), 0), 1), min(max(v - Float(y0), 0), 1))
          for channel in 0..<3 {
            func texel(_ x: Int, _ y: Int) -> Float { Float(pixels[(y * texture.width + x) * 4 + channel]) }
            let top = texel(x0, y0) + (texel(x1, y0) - texel(x0, y0)) * fx
            let bottom = texel(x0, y1) + (texel(x1, y1) - texel(x0, y1)) * fx
            image[pixel * 3 + channel] = UInt8(min(max(top + (bottom - top) * fy, 0), 255))
          }
        }
      }
    }
  }
}
