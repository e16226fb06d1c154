import Foundation
import Imaging
import Inference
import Sensing
import Spatial
import Testing

@testable import Perception

struct GeometryTests {
  /// A right hand at half a metre, palm to the camera, fingers up and spread.
  private static let hand: [Vector3] = {
    var points = [Vector3(0, -0.08, 0)]
    for (index, x) in [0.06, 0.03, 0.0, -0.03, -0.055].enumerated() {
      for joint in 0..<4 {
        let y = index == 0 ? -0.05 + 0.02 * Double(joint) : 0.01 + 0.03 * Double(joint)
        points.append(Vector3(x + 0.002 * Double(joint), y, 0.004 * Double(joint % 3)))
      }
    }
    return points
  }()

  private static let lenses: [CameraModel] = [
    CameraModel(width: 640, height: 480, focalX: 500, focalY: 510, centerX: 320, centerY: 240),
    CameraModel(
      width: 640, height: 480, focalX: 500, focalY: 510, centerX: 315, centerY: 244,
      distortion: .radialTangential(k1: -0.28, k2: 0.07, p1: 0.001, p2: -0.0005, k3: 0.002)),
    CameraModel(
      width: 640, height: 480, focalX: 286, focalY: 286, centerX: 320, centerY: 240,
      distortion: .fisheye(k1: 0.01, k2: 0.06, k3: -0.06, k4: 0.02)),
  ]

  @Test(arguments: lenses.indices)
  func projectedPointsAreOnTheirRays(_ index: Int) throws {
    let lens = Self.lenses[index]
    for x in stride(from: -0.5, through: 0.5, by: 0.1) {
      for y in stride(from: -0.4, through: 0.4, by: 0.1) {
        let point = Vector3(x, y, -1)
        let pixel = try #require(lens.project(point))
        let ray = lens.ray(x: pixel.x, y: pixel.y)
        #expect((ray - (point.normalized ?? ray)).length < 1e-7)
      }
    }
    #expect(lens.project(Vector3(0, 0, 1)) == nil)
    // Up in space is up in the picture.
    let above = try #require(lens.project(Vector3(0, 0.1, -1)))
    #expect(above.y < lens.centerY)
  }

  @Test func cameraModelsScaleWithTheImage() throws {
    let lens = Self.lenses[1]
    let half = lens.scaled(width: 320, height: 240)
    let point = Vector3(0.2, -0.1, -1)
    let (big, small) = (try #require(lens.project(point)), try #require(half.project(point)))
    #expect(abs((big.x + 0.5) / 2 - 0.5 - small.x) < 1e-9 && abs((big.y + 0.5) / 2 - 0.5 - small.y) < 1e-9)
  }

  @Test func handsAreLocated() throws {
    let shift = Vector3(0.12, -0.05, -0.5)
    let seen = Self.hand.map { $0 + shift }
    let lens = Self.lenses[1]
    let rays = try seen.map { point in
      let pixel = try #require(lens.project(point))
      return lens.ray(x: pixel.x, y: pixel.y)
    }
    let placed = try #require(HandLift.position(Self.hand, along: rays))
    for (point, truth) in zip(placed, seen) { #expect((point - truth).length < 1e-6) }
    // A hand that is a tenth larger than the usual one comes out a tenth nearer.
    let large = Self.hand.map { $0 * 1.1 + shift * 1.1 }
    let same = try #require(
      HandLift.position(Self.hand, along: large.map { $0.normalized ?? Vector3(0, 0, -1) }))
    #expect(abs(same[0].length / large[0].length - 1 / 1.1) < 1e-6)
    #expect(HandLift.position([], along: []) == nil)
  }

  @Test func twoCamerasTriangulate() throws {
    let point = Vector3(0.1, 0.05, -0.7)
    let (left, right) = (Vector3(-0.03, 0, 0), Vector3(0.03, 0, 0))
    let met = try #require(
      HandLift.triangulate(
        (left, (point - left).normalized ?? .zero), (right, (point - right).normalized ?? .zero)))
    #expect((met.point - point).length < 1e-9 && met.gap < 1e-9)
    #expect(HandLift.triangulate((left, Vector3(0, 0, -1)), (right, Vector3(0, 0, -1))) == nil)
  }

  @Test func jointsFollowOpenXR() throws {
    let joints = HandSkeleton.joints(Self.hand, isRight: true)
    #expect(joints.count == 26)
    #expect(joints[1].pose.position == Self.hand[0] && joints[5].pose.position == Self.hand[4])
    #expect(joints[25].pose.position == Self.hand[20])
    #expect(joints.enumerated().filter { $1.isInferred }.map(\.offset) == [0, 6, 11, 16, 21])
    // −Z along the finger, +Y out of the back of the hand, which looks away from the camera.
    let index = joints[7].pose.orientation
    let along = try #require((Self.hand[6] - Self.hand[5]).normalized)
    #expect((index.rotate(Vector3(0, 0, -1)) - along).length < 1e-9)
    #expect(index.rotate(Vector3(0, 1, 0)).z < -0.9)
    // The mirrored hand is a left one, and its back looks away too.
    let left = HandSkeleton.joints(Self.hand.map { Vector3(-$0.x, $0.y, $0.z) }, isRight: false)
    #expect(left[7].pose.orientation.rotate(Vector3(0, 1, 0)).z < -0.9)
    for joint in joints { #expect(joint.radius > 0.004 && joint.radius < 0.03) }
    #expect(HandSkeleton.joints([], isRight: true).isEmpty)
    #expect(HandSkeleton.joints(Array(repeating: Vector3(.nan, 0, 0), count: 21), isRight: true).isEmpty)
  }

  /// Jitter at rest is reduced, and the lag in motion is small.
  @Test func landmarksAreSmoothedAtRestWithLittleLag() {
    var filter = OneEuroFilter<Vector3>(minimumCutoff: 2, beta: 15)
    var random = SeededRandom(seed: 7)
    var (raw, smooth) = (0.0, 0.0)
    for frame in 0..<300 {
      let time = Timestamp(nanoseconds: Int64(frame) * 33_333_333)
      let noise = random.gaussian3() * 0.001
      let value = filter.update(noise, at: time)
      if frame > 30 {
        raw += noise.squaredLength
        smooth += value.squaredLength
      }
    }
    #expect(smooth < raw / 3)
    var lag = 0.0
    for frame in 300..<330 {
      let truth = Vector3(Double(frame - 300) / 30, 0, 0)
      lag = (truth - filter.update(truth, at: Timestamp(nanoseconds: Int64(frame) * 33_333_333))).length
    }
    // A hand at one metre a second is shown less than two centimetres behind.
    #expect(lag < 0.02, "\(lag)")
  }

  @Test func minimumRectanglesAreFound() throws {
    let region = PictureRegion(centerX: 100, centerY: 50, width: 80, height: 20, rotation: 0.4)
    var points: [SIMD2<Double>] = []
    for u in stride(from: 0.0, through: 1, by: 0.1) {
      for v in stride(from: 0.0, through: 1, by: 0.25) {
        let (x, y) = region.point(u, v)
        points.append(SIMD2(x, y))
      }
    }
    let found = try #require(MinimumRectangle.around(points))
    #expect(abs(found.centerX - 100) < 1e-6 && abs(found.centerY - 50) < 1e-6)
    #expect(
      abs(max(found.width, found.height) - 80) < 1e-6 && abs(min(found.width, found.height) - 20) < 1e-6)
    #expect(MinimumRectangle.around([]) == nil)
    #expect(MinimumRectangle.around([SIMD2(1, 1)]) == nil)
  }

  /// Regions come from a model's numbers.
  @Test func invalidRegionsDoNotTrap() throws {
    let image = try #require(RGBImage(width: 8, height: 8, fill: (1, 2, 3)))
    for wild in [Double.nan, .infinity, 1e300, -1e300, 3e38, 1e-300] {
      for region in [
        PictureRegion(centerX: wild, centerY: 4, width: 4, height: 4),
        PictureRegion(centerX: 4, centerY: 4, width: wild, height: wild, rotation: 1),
        PictureRegion(centerX: 4, centerY: 4, width: 4, height: 4, rotation: wild),
      ] {
        for border in [PictureBorder.black, .replicate] {
          _ = Tensor(float32: [1, 4, 4, 3]) {
            image.sample(region, width: 4, height: 4, border: border, scaling: PixelScaling(), into: $0)
          }
        }
      }
    }
  }

  /// All sampling modes equal a straightforward bilinear interpolation.
  @Test(arguments: [PictureBorder.black, .replicate], [false, true])
  func samplesAreBilinear(_ border: PictureBorder, _ isPlanar: Bool) throws {
    var random = SeededRandom(seed: 11)
    let (width, height) = (37, 29)
    var image = try #require(RGBImage(width: width, height: height, fill: (0, 0, 0)))
    image.withMutablePixels { pixels in
      for place in pixels.indices { pixels[place] = UInt8(truncatingIfNeeded: random.next()) }
    }
    func pixel(_ x: Int, _ y: Int, _ channel: Int) -> Double {
      if border == .black, x < 0 || y < 0 || x >= width || y >= height { return 0 }
      let place = (min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * 4 + channel
      return image.withPixels { Double($0[place]) }
    }
    let scaling = PixelScaling(
      mean: SIMD4(10, 20, 30, 0), scale: SIMD4(0.5, 0.25, 0.125, 1), isPlanar: isPlanar, isBGR: isPlanar)
    for trial in 0..<40 {
      // Inside, over an edge, all around, and outside; upright and turned.
      let region = PictureRegion(
        centerX: random.uniform() * 60 - 10, centerY: random.uniform() * 50 - 10,
        width: 2 + random.uniform() * 60, height: 2 + random.uniform() * 60,
        rotation: trial % 2 == 0 ? 0 : random.uniform() * 7)
      let (columns, rows) = (3 + trial % 7, 2 + trial % 5)
      var numbers = [Float](repeating: -1, count: columns * rows * 3 + 1)
      numbers.withUnsafeMutableBufferPointer { buffer in
        image.sample(
          region, width: columns, height: rows, border: border, scaling: scaling,
          pixelCenters: trial % 3 == 0,
          into: buffer)
      }
      // What lies behind is somebody else's.
      #expect(numbers[columns * rows * 3] == -1)
      let shift = trial % 3 == 0 ? 0.5 : 0
      for row in 0..<rows {
        for column in 0..<columns {
          var (x, y) = region.point(
            (Double(column) + shift) / Double(columns), (Double(row) + shift) / Double(rows))
          (x, y) = (x - shift, y - shift)
          let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
          let (tx, ty) = (x - Double(left), y - Double(top))
          for channel in 0..<3 {
            let upper = pixel(left, top, channel) * (1 - tx) + pixel(left + 1, top, channel) * tx
            let lower = pixel(left, top + 1, channel) * (1 - tx) + pixel(left + 1, top + 1, channel) * tx
            let expected =
              ((upper * (1 - ty) + lower * ty) - Double(scaling.mean[channel]))
              * Double(scaling.scale[channel])
            let color = scaling.isBGR ? 2 - channel : channel
            let place =
              isPlanar
              ? color * columns * rows + row * columns + column : (row * columns + column) * 3 + color
            #expect(abs(Double(numbers[place]) - expected) < 0.01, "\(trial): \(column), \(row)")
          }
        }
      }
    }
  }

  @Test func repeatedCharactersAreDecodedOnce() {
    // Blank, A, A, blank, A, B, space: the last class.
    let best = [0, 1, 1, 0, 1, 2, 3]
    var scores = [Float](repeating: 0, count: best.count * 4)
    for (step, letter) in best.enumerated() { scores[step * 4 + letter] = 0.5 }
    let read = scores.withUnsafeBufferPointer {
      TextReader.decode($0, steps: best.count, classes: 4, letters: ["A", "B"])
    }
    #expect(read.text == "AAB" && abs(read.confidence - 0.5) < 1e-6)
  }
}
