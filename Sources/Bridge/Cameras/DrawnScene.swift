import Cameras
import Foundation
import Imaging
import Spatial

/// A scene of pictures that hang in the world, seen by a camera on the emulated headset: for trying everything with no
/// camera. The scene is drawn, and where each thing hangs is known; what models make of the frames is theirs.
public struct DrawnScene: Sendable {
  /// A picture in the world.
  public struct Board: Sendable {
    public var name: String
    public var center: Vector3
    /// To its right and up, of length one, in the world.
    var right: Vector3
    var up: Vector3
    /// Metres.
    var width: Double
    var height: Double
    var picture: RGBImage
  }

  static let camera = "drawn camera"
  /// Frames a second.
  static let rate = 10.0

  /// With a lens that bends what is straight, as real ones do.
  public let model = CameraModel(
    width: 640, height: 480, focalX: 500, focalY: 500, centerX: 319.5, centerY: 239.5,
    distortion: .radialTangential(k1: -0.12, k2: 0.03, p1: 0.0005, p2: -0.0003, k3: 0))
  public private(set) var boards: [Board] = []
  /// Of each pixel, in the camera's frame.
  private let rays: [SIMD3<Float>]

  /// - Parameter pictures: files that hang in the scene too.
  /// - Throws: when there is no library to draw with.
  public init(pictures: [String] = []) throws(PictureFault) {
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
        throw PictureFault(description: "\(file) can't be read")
      }
      let picture = try Picture.decode(Array(data))
      let height = 0.7
      // To the right of what is drawn, one after the other around the head.
      let angle = -0.75 - 0.6 * Double(index)
      boards.append(
        Self.board(
          URL(fileURLWithPath: file).lastPathComponent,
          at: Vector3(1.4 * sin(-angle), 0.1, -1.4 * cos(angle)),
          height: height, picture))
    }
  }

  /// A board at a place, turned to where the head is at the start.
  private static func board(
    _ name: String, at center: Vector3, height: Double, _ picture: RGBImage
  ) -> Board {
    let toViewer = (-center).normalized ?? Vector3(0, 0, 1)
    let right = Vector3(0, 1, 0).cross(toViewer).normalized ?? Vector3(1, 0, 0)
    return Board(
      name: name, center: center, right: right, up: toViewer.cross(right),
      width: height * Double(picture.width) / Double(picture.height), height: height, picture: picture)
  }

  /// What the sign says.
  public static let signText = "PUMP 3"

  private static func sign() throws(PictureFault) -> Board {
    let cairo = try Cairo(width: 600, height: 260)
    cairo.color(0.98, 0.82, 0.1)
    cairo.fill(x: 0, y: 0, width: 600, height: 260)
    cairo.color(0.05, 0.05, 0.05)
    for (x, y, width, height) in [(0, 0, 600, 14), (0, 246, 600, 14), (0, 0, 14, 260), (586, 0, 14, 260)] {
      cairo.fill(x: Double(x), y: Double(y), width: Double(width), height: Double(height))
    }
    cairo.font("DejaVu Sans", isBold: true)
    cairo.text(signText, x: 62, y: 172, size: 118)
    guard let picture = cairo.image() else { throw PictureFault(description: "the sign can't be drawn") }
    return board("sign", at: Vector3(-0.33, 0.08, -1.0), height: 0.24, picture)
  }

  private static func hand() throws(PictureFault) -> Board {
    let cairo = try Cairo(width: 320, height: 320)
    cairo.color(0.62, 0.68, 0.7)
    cairo.fill(x: 0, y: 0, width: 320, height: 320)
    cairo.font("Noto Color Emoji")
    cairo.text("\u{270B}", x: 30, y: 255, size: 210)
    guard let picture = cairo.image() else { throw PictureFault(description: "the hand can't be drawn") }
    // So large that the hand on it is as long as a usual one, 19 cm.
    return board("hand", at: Vector3(0.13, -0.02, -0.45), height: 0.25, picture)
  }

  /// What the camera sees.
  public func frame(worldFromHead: Pose, captured: Timestamp, sequence: UInt32) -> CameraFrame {
    let pose = worldFromHead * model.headFromCamera
    let (width, height) = (model.width, model.height)
    // Rows of the rotation, to turn all rays at once.
    let q = pose.orientation
    let axes = [Vector3(1, 0, 0), Vector3(0, 1, 0), Vector3(0, 0, 1)].map { SIMD3<Float>(q.rotate($0)) }
    var image = [UInt8](repeating: 255, count: width * height * 3)
    var depth = [Float](repeating: .infinity, count: width * height)
    rays.withUnsafeBufferPointer { rays in
      for place in 0..<(width * height) {
        // A wall that darkens downwards, with a line every 15 degrees, so that motion is seen.
        let ray = axes[0] * rays[place].x + axes[1] * rays[place].y + axes[2] * rays[place].z
        var light = 150 + 60 * ray.y
        let angle = atan2(ray.x, -ray.z) / (.pi / 12)
        if abs(angle - angle.rounded()) < 0.02 { light -= 25 }
        let value = UInt8(min(max(light, 0), 255))
        image[place * 3] = value
        image[place * 3 + 1] = value
        image[place * 3 + 2] = UInt8(min(Int(value) + 12, 255))
      }
    }
    for board in boards { draw(board, pose, axes, &image, &depth) }
    return CameraFrame(
      camera: Self.camera, format: .rgb, width: width, height: height, stride: width * 3, bytes: image,
      captured: captured, received: captured, sequence: sequence, worldFromHead: worldFromHead)
  }

  private func draw(
    _ board: Board, _ pose: Pose, _ axes: [SIMD3<Float>], _ image: inout [UInt8], _ depth: inout [Float]
  ) {
    let normal = board.right.cross(board.up)
    let (width, height) = (model.width, model.height)
    // Where its corners are seen bounds the work; a corner behind the camera means: look everywhere.
    var bounds = (low: SIMD2(0.0, 0.0), high: SIMD2(Double(width - 1), Double(height - 1)))
    let toCamera = pose.inverse
    var corners: [SIMD2<Double>] = []
    for (u, v) in [
      (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0, 0.5), (0, -0.5), (0.5, 0), (-0.5, 0),
    ] {
      let point = board.center + board.right * (u * board.width) + board.up * (v * board.height)
      let seen = toCamera.transform(point)
      guard -seen.z > 0.1, abs(seen.x) < -2 * seen.z, abs(seen.y) < -2 * seen.z,
        let pixel = model.project(seen)
      else { continue }
      corners.append(SIMD2(pixel.x, pixel.y))
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
          let place = y * width + x
          let ray = axes[0] * rays[place].x + axes[1] * rays[place].y + axes[2] * rays[place].z
          let slope = (n * ray).sum()
          guard abs(slope) > 1e-6 else { continue }
          let t = distance / slope
          guard t > 0, t < depth[place] else { continue }
          let hit = ray * t - toCenter
          let u = ((hit * right).sum() / wide + 0.5) * Float(texture.width) - 0.5
          let v = (0.5 - (hit * up).sum() / high) * Float(texture.height) - 0.5
          guard u > -0.5, v > -0.5, u < Float(texture.width) - 0.5, v < Float(texture.height) - 0.5 else {
            continue
          }
          depth[place] = t
          let (x0, y0) = (Int(max(u, 0)), Int(max(v, 0)))
          let (x1, y1) = (min(x0 + 1, texture.width - 1), min(y0 + 1, texture.height - 1))
          let (fx, fy) = (min(max(u - Float(x0), 0), 1), min(max(v - Float(y0), 0), 1))
          for channel in 0..<3 {
            func texel(_ x: Int, _ y: Int) -> Float { Float(pixels[(y * texture.width + x) * 4 + channel]) }
            let top = texel(x0, y0) + (texel(x1, y0) - texel(x0, y0)) * fx
            let bottom = texel(x0, y1) + (texel(x1, y1) - texel(x0, y1)) * fx
            image[place * 3 + channel] = UInt8(min(max(top + (bottom - top) * fy, 0), 255))
          }
        }
      }
    }
  }
}
