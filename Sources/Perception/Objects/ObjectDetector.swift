import Imaging
import Inference

/// An object in an image.
public struct DetectedObject: Sendable, Hashable {
  /// Index in the model's labels.
  public var label: Int
  public var score: Double
  public var box: PixelBox

  public init(label: Int, score: Double, box: PixelBox) {
    self.label = label
    self.score = score
    self.box = box
  }
}

/// Detects objects with any model of the task `object-detection`.
public struct ObjectDetector: Sendable {
  /// Registry name of the detector that runs when the configuration names none.
  public static let defaultModel = "object-detection"

  public var minimumScore: Double
  /// Overlap above which the lower-scored of two boxes of a class is removed.
  public var maximumOverlap: Double

  public init(minimumScore: Double = 0.3, maximumOverlap: Double = 0.45) {
    self.minimumScore = minimumScore
    self.maximumOverlap = maximumOverlap
  }

  /// Pixels of the longer side of the model's input; nil for a model without an image input.
  static func side(of model: ModelHost.Loaded) -> Int? {
    guard let shape = model.session.inputs.first?.shape, shape.count == 4,
      let picture = model.manifest.picture
    else { return nil }
    return picture.layout == .nchw ? max(shape[2], shape[3]) : max(shape[1], shape[2])
  }

  /// The image in the upper left of the model's input, padded with grey (114).
  static func input(
    _ image: some SampledImage, _ model: ModelHost.Loaded
  ) throws(InferenceError) -> (tensor: Tensor, scale: Double) {
    guard let spec = model.session.inputs.first, spec.type == .float32, spec.shape.count == 4,
      let picture = model.manifest.picture
    else { throw InferenceError(.model, "'\(model.manifest.name)' has no image input") }
    let isPlanar = picture.layout == .nchw
    let (height, width) = isPlanar ? (spec.shape[2], spec.shape[3]) : (spec.shape[1], spec.shape[2])
    // A manifest may declare any shape; only one RGB image is supported.
    guard width > 0, height > 0, width <= 4096, height <= 4096, abs(spec.shape[0]) == 1,
      spec.shape[isPlanar ? 1 : 3] == 3
    else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no input for one RGB image of a fixed size")
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
      // Padding beside and below the image.
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
        $0.label == object.label && $0.box.overlap(object.box) > maximumOverlap
      }
      if !isCovered { kept.append(object) }
    }
    return kept
  }

  /// Detects the objects in an image.
  public func detect(
    _ image: some SampledImage, _ model: ModelHost.Loaded, host: ModelHost,
    priority: InferencePriority = .standard
  ) async throws(InferenceError) -> [DetectedObject] {
    let (tensor, scale) = try Self.input(image, model)
    let decoder = try model.manifest.detectionDecoder()
    let outputs = try await host.infer(model, [tensor], priority: priority)
    let isPlanar = model.manifest.picture?.layout == .nchw
    let shape = tensor.shape
    let found = try decoder.decode(
      outputs, width: shape[isPlanar ? 3 : 2], height: shape[isPlanar ? 2 : 1], minimumScore: minimumScore)
    let inside = found.compactMap { object -> DetectedObject? in
      var object = object
      object.box = object.box / scale
      return object.box.isFinite ? object : nil
    }
    return suppress(inside).map { object in
      var object = object
      object.box = object.box.clamped(width: Double(image.width), height: Double(image.height))
      return object
    }
  }
}

extension PixelScaling {
  /// The scaling of a manifest, whose means and scales are in the model's channel order.
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
