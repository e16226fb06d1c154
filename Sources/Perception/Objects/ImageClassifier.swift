import Foundation
import Imaging
import Inference

/// Classifies whole images with any model of the task `image-classification`.
public struct ImageClassifier: Sendable {
  public struct Score: Sendable, Hashable {
    public var label: String
    public var value: Double
  }

  public init() {}

  /// The central square of the image, scaled to the model's input size.
  static func input(_ image: RGBImage, _ model: ModelHost.Loaded) throws(InferenceError) -> Tensor {
    guard let spec = model.session.inputs.first, spec.shape.count == 4,
      let picture = model.manifest.picture
    else { throw InferenceError(.input, "'\(model.manifest.name)' has no image input") }
    let isPlanar = picture.layout == .nchw
    let (height, width) = isPlanar ? (spec.shape[2], spec.shape[3]) : (spec.shape[1], spec.shape[2])
    // A manifest may declare any shape; only one RGB image is supported.
    guard width > 0, height > 0, width <= 4096, height <= 4096, abs(spec.shape[0]) == 1,
      spec.shape[isPlanar ? 1 : 3] == 3
    else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no input for one RGB image of a fixed size")
    }
    let side = Double(min(image.width, image.height))
    let region = PictureRegion(
      centerX: Double(image.width) / 2, centerY: Double(image.height) / 2, width: side, height: side)
    // Byte inputs are not scaled.
    let scaling = spec.type == .uint8 ? PixelScaling(scale: SIMD4(repeating: 1)) : PixelScaling(picture)
    let floats = Tensor(float32: spec.shape.map { $0 < 0 ? 1 : $0 }) {
      image.sample(
        region, width: width, height: height, border: .replicate, scaling: scaling, pixelCenters: true,
        into: $0)
    }
    if spec.type == .float32 { return floats }
    guard let tensor = Tensor(type: spec.type, shape: floats.shape, numbers: floats.numbers) else {
      throw InferenceError(.model, "'\(model.manifest.name)' has an unsupported input type")
    }
    return tensor
  }

  /// Converts scores to probabilities by softmax; probabilities pass unchanged.
  public static func probabilities(_ scores: [Double]) -> [Double] {
    guard let highest = scores.max(), highest.isFinite else { return scores.map { _ in 0 } }
    let sum = scores.reduce(0, +)
    if scores.allSatisfy({ $0 >= 0 && $0 <= 1.0001 }), abs(sum - 1) < 0.02 { return scores }
    // Probabilities of a quantised model, in bytes.
    if scores.allSatisfy({ $0 >= 0 && $0 == $0.rounded() }), abs(sum - 256) < 40 {
      return scores.map { $0 / 256 }
    }
    let powers = scores.map { $0.isFinite ? exp($0 - highest) : 0 }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }

  /// - Returns: all classes, the most probable first.
  public func classify(
    _ image: RGBImage, _ model: ModelHost.Loaded, host: ModelHost, priority: InferencePriority = .request
  ) async throws(InferenceError) -> [Score] {
    let outputs = try await host.infer(model, [try Self.input(image, model)], priority: priority)
    guard let scores = outputs.first?.numbers, !scores.isEmpty else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no scores as output")
    }
    let labels = model.manifest.labels
    return Self.probabilities(scores).enumerated().map { index, value in
      Score(label: index < labels.count ? labels[index] : "class \(index)", value: value)
    }.sorted { $0.value > $1.value }
  }
}
