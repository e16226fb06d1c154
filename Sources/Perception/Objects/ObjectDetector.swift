import Imaging
import Inference

/// A thing in a picture.
public struct DetectedObject: Sendable, Hashable {
  /// Index in the model's labels.
  public var label: Int
  public var score: Double
  // Not a SIMD4: Swift 6.3 spoils a task's memory where unoptimised async code keeps values that are aligned to 32 bytes.
  private var left, top, right, bottom: Double

  /// Left, top, right, bottom in pixels.
  public var box: SIMD4<Double> {
    get { SIMD4(left, top, right, bottom) }
    set { (left, top, right, bottom) = (newValue.x, newValue.y, newValue.z, newValue.w) }
  }

  public init(label: Int, score: Double, box: SIMD4<Double>) {
    self.label = label
    self.score = score
    (left, top, right, bottom) = (box.x, box.y, box.z, box.w)
  }

  /// Shared area over all area.
  public static func overlap(_ a: SIMD4<Double>, _ b: SIMD4<Double>) -> Double {
    let width = max(0, min(a.z, b.z) - max(a.x, b.x))
    let height = max(0, min(a.w, b.w) - max(a.y, b.y))
    let shared = width * height
    let all = (a.z - a.x) * (a.w - a.y) + (b.z - b.x) * (b.w - b.y) - shared
    return all > 0 ? shared / all : 0
  }
}

/// Finds objects with any model of the task `object-detection`.
public struct ObjectDetector: Sendable {
  public var minimumScore: Double
  /// Of two boxes of a class that overlap more than this, the better stays.
  public var maximumOverlap: Double

  public init(minimumScore: Double = 0.3, maximumOverlap: Double = 0.45) {
    self.minimumScore = minimumScore
    self.maximumOverlap = maximumOverlap
  }

  /// The picture in the upper left of the model's square, the rest grey (114).
  static func input(
    _ image: RGBImage, _ model: ModelHost.Loaded
  ) throws(InferenceError) -> (tensor: Tensor, scale: Double) {
    guard let spec = model.session.inputs.first, spec.type == .float32, spec.shape.count == 4,
      let picture = model.manifest.picture
    else { throw InferenceError(.model, "'\(model.manifest.name)' takes no picture") }
    let isPlanar = picture.layout == .nchw
    let (height, width) = isPlanar ? (spec.shape[2], spec.shape[3]) : (spec.shape[1], spec.shape[2])
    // Of one picture of three colours: a model may ask for anything.
    guard width > 0, height > 0, width <= 4096, height <= 4096, abs(spec.shape[0]) == 1,
      spec.shape[isPlanar ? 1 : 3] == 3
    else {
      throw InferenceError(.model, "'\(model.manifest.name)' takes no single picture of a certain size")
    }
    let scale = min(Double(width) / Double(image.width), Double(height) / Double(image.height))
    let (inner, outer) = (
      (width: max(1, Int(Double(image.width) * scale)), height: max(1, Int(Double(image.height) * scale))),
      (width: width, height: height)
    )
    let scaling = PixelScaling(picture)
    let region = PictureRegion(
      centerX: Double(image.width) / 2, centerY: Double(image.height) / 2, width: Double(image.width),
      height: Double(image.height))
    let grey = (SIMD4<Float>(repeating: 114) - scaling.mean) * scaling.scale
    let tensor = Tensor(float32: spec.shape.map { $0 < 0 ? 1 : $0 }) { output in
      let plane = outer.width * outer.height
      guard output.count == plane * 3 else { return }
      // Beside and below the picture.
      for channel in 0..<3 {
        let value = grey[scaling.isBGR ? 2 - channel : channel]
        for row in 0..<outer.height {
          for column in (row < inner.height ? inner.width : 0)..<outer.width {
            output[
              isPlanar
                ? channel * plane + row * outer.width + column : (row * outer.width + column) * 3 + channel] =
              value
          }
        }
      }
      image.sample(
        region, width: inner.width, height: inner.height, border: .replicate, scaling: scaling,
        pixelCenters: true, into: output, canvas: outer)
    }
    return (tensor, scale)
  }

  private func suppress(_ found: [DetectedObject]) -> [DetectedObject] {
    var kept: [DetectedObject] = []
    for object in found.sorted(by: { $0.score > $1.score }) {
      let isCovered = kept.contains {
        $0.label == object.label && DetectedObject.overlap($0.box, object.box) > maximumOverlap
      }
      if !isCovered { kept.append(object) }
    }
    return kept
  }

  /// Finds the objects of a picture.
  public func detect(
    _ image: RGBImage, _ model: ModelHost.Loaded, host: ModelHost, priority: InferencePriority = .objects
  ) async throws(InferenceError) -> [DetectedObject] {
    let (tensor, scale) = try Self.input(image, model)
    let decoder = try model.manifest.detectionDecoder()
    let outputs = try await host.infer(model, [tensor], priority: priority)
    let isPlanar = model.manifest.picture?.layout == .nchw
    let shape = tensor.shape
    let found = try decoder.decode(
      outputs, width: shape[isPlanar ? 3 : 2], height: shape[isPlanar ? 2 : 1], minimumScore: minimumScore)
    let limit = SIMD4(Double(image.width), Double(image.height), Double(image.width), Double(image.height))
    let inside = found.compactMap { object -> DetectedObject? in
      var object = object
      object.box /= scale
      let box = object.box
      guard box.x.isFinite, box.y.isFinite, box.z.isFinite, box.w.isFinite else { return nil }
      return object
    }
    return suppress(inside).map { object in
      var object = object
      object.box = object.box.clamped(lowerBound: .zero, upperBound: limit)
      return object
    }
  }
}

extension PixelScaling {
  /// As a model's manifest has it; means and scales stand there in the order of the model's colours.
  init(_ picture: PictureInput) {
    func ordered(_ list: [Double]) -> SIMD4<Float> {
      let list = picture.isBGR ? list.reversed() : list
      return SIMD4(Float(list[0]), Float(list[1]), Float(list[2]), 0)
    }
    self.init(
      mean: ordered(picture.mean), scale: ordered(picture.scale), isPlanar: picture.layout == .nchw,
      isBGR: picture.isBGR)
  }
}
