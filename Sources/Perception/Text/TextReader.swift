import Foundation
import Imaging
import Inference

/// A text in an image: a line, or a separate word.
public struct ReadText: Sendable {
  public var text: String
  /// Mean over the characters, 0 to 1.
  public var confidence: Double
  /// The rectangle of the text, whose baseline is parallel to the width.
  public var region: PictureRegion
}

/// Detects and recognises text with PP-OCR's models (Li et al., "PP-OCRv3", 2022): detection by differentiable binarisation
/// (Liao et al., 2020), recognition by connectionist temporal classification (Graves et al., 2006).
public struct TextReader: Sendable {
  public static let detectionModel = "text-detection"
  public static let recognitionModel = "text-recognition"

  /// Longer side of the detector's input, in pixels; larger images are scaled down.
  public var side = 640
  /// Texts per image at most, the largest first.
  public var maximumTexts = 24
  /// Lowest confidence of a reported text.
  public var minimumConfidence = 0.6

  private static let pixelThreshold: Float = 0.3
  private static let boxThreshold = 0.5
  /// Expansion of detected regions: area times this factor, divided by the perimeter.
  private static let growth = 1.6

  private let host: ModelHost

  public init(host: ModelHost) { self.host = host }

  public func read(
    _ image: some SampledImage, priority: InferencePriority = .background
  ) async throws(InferenceError) -> (texts: [ReadText], model: ModelHost.Loaded) {
    let detector = try await host.model(Self.detectionModel)
    let recogniser = try await host.model(Self.recognitionModel)
    var texts: [ReadText] = []
    let regions = try await detect(image, detector, priority)
    for region in regions.prefix(maximumTexts) {
      guard let text = try await recognise(image, region, recogniser, priority) else { continue }
      // Single characters often have a high confidence by mistake.
      let least = text.text.count > 1 ? minimumConfidence : max(minimumConfidence, 0.9)
      if text.confidence >= least, !text.text.isEmpty { texts.append(text) }
    }
    return (texts, recogniser)
  }

  // MARK: detection

  private func detect(
    _ image: some SampledImage, _ model: ModelHost.Loaded, _ priority: InferencePriority
  ) async throws(InferenceError) -> [PictureRegion] {
    guard let picture = model.manifest.picture, picture.layout == .nchw else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no planar image input")
    }
    // The model requires multiples of 32.
    let scale = min(1, Double(side) / Double(max(image.width, image.height)))
    let width = max(32, Int((Double(image.width) * scale / 32).rounded()) * 32)
    let height = max(32, Int((Double(image.height) * scale / 32).rounded()) * 32)
    let whole = PictureRegion(
      centerX: Double(image.width) / 2, centerY: Double(image.height) / 2, width: Double(image.width),
      height: Double(image.height))
    let tensor = Tensor(float32: [1, 3, height, width]) {
      image.sample(
        whole, width: width, height: height, border: .replicate, scaling: PixelScaling(picture),
        pixelCenters: true, into: $0)
    }
    let outputs = try await host.infer(model, [tensor], priority: priority)
    guard let map = outputs.first, map.shape == [1, 1, height, width] else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no map of the image as output")
    }
    let (sx, sy) = (Double(image.width) / Double(width), Double(image.height) / Double(height))
    let found = map.withFloats { Self.regions($0, width: width, height: height) } ?? []
    return found.map { region in
      var region = region
      // Both directions have the same scale except for rounding to multiples of 32.
      region.centerX = (region.centerX + 0.5) * sx - 0.5
      region.centerY = (region.centerY + 0.5) * sy - 0.5
      let (c, s) = (abs(cos(region.rotation)), abs(sin(region.rotation)))
      region.width *= c * sx + s * sy
      region.height *= s * sx + c * sy
      return region
    }.sorted { $0.width * $0.height > $1.width * $1.height }
  }

  /// Rectangles around the connected regions of high probability.
  static func regions(_ map: UnsafeBufferPointer<Float>, width: Int, height: Int) -> [PictureRegion] {
    var seen = [Bool](repeating: false, count: width * height)
    var found: [PictureRegion] = []
    var stack: [Int] = []
    for start in 0..<(width * height) where !seen[start] && map[start] > pixelThreshold {
      seen[start] = true
      stack.append(start)
      var rows: [Int: (low: Int, high: Int)] = [:]
      var (sum, count) = (0.0, 0)
      while let pixel = stack.popLast() {
        let (x, y) = (pixel % width, pixel / width)
        sum += Double(map[pixel])
        count += 1
        let row = rows[y] ?? (x, x)
        rows[y] = (min(row.low, x), max(row.high, x))
        for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
          let (nx, ny) = (x + dx, y + dy)
          guard nx >= 0, ny >= 0, nx < width, ny < height else { continue }
          let next = ny * width + nx
          guard !seen[next], map[next] > pixelThreshold else { continue }
          seen[next] = true
          stack.append(next)
        }
      }
      guard count >= 9, sum / Double(count) >= boxThreshold else { continue }
      // Only the ends of rows can be on the convex hull.
      let ends = rows.flatMap { y, row in
        [SIMD2(Double(row.low), Double(y)), SIMD2(Double(row.high), Double(y))]
      }
      guard var region = MinimumRectangle.around(ends) else { continue }
      region.width += 1
      region.height += 1
      guard min(region.width, region.height) >= 3 else { continue }
      // A word cut off by the image's edge would be misread.
      let isCut = ends.contains {
        $0.x < 2 || $0.y < 2 || $0.x > Double(width) - 3 || $0.y > Double(height) - 3
      }
      if isCut { continue }
      let margin = region.width * region.height * growth / (2 * (region.width + region.height))
      region.width += 2 * margin
      region.height += 2 * margin
      found.append(upright(region))
      if found.count >= 1000 { break }
    }
    return found
  }

  /// The same rectangle with its width along the text: the longer side, except for tall single characters.
  private static func upright(_ region: PictureRegion) -> PictureRegion {
    var region = region
    // A rotation by 90° with exchanged sides is the same rectangle.
    if region.height > region.width * 1.5 || (region.height > region.width && abs(sin(region.rotation)) > 0.7)
    {
      (region.width, region.height) = (region.height, region.width)
      region.rotation += .pi / 2
    }
    region.rotation = HandGeometry.normalized(region.rotation)
    // Upright text is assumed.
    if region.rotation > .pi / 2 { region.rotation -= .pi }
    if region.rotation <= -.pi / 2 { region.rotation += .pi }
    return region
  }

  // MARK: recognition

  private static let lineHeight = 48
  private static let maximumLineWidth = 1920

  private func recognise(
    _ image: some SampledImage, _ region: PictureRegion, _ model: ModelHost.Loaded,
    _ priority: InferencePriority
  ) async throws(InferenceError) -> ReadText? {
    guard let picture = model.manifest.picture, picture.layout == .nchw else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no planar image input")
    }
    guard region.height >= 4, region.width >= 4 else { return nil }
    let ratio = region.width / region.height
    // Widths in steps, because the runtime compiles each shape separately.
    let wanted = Int((Double(Self.lineHeight) * ratio / 32).rounded(.up)) * 32
    let width = min(max(wanted, 64), Self.maximumLineWidth)
    let scaling = PixelScaling(picture)
    let inner = min(width, max(1, Int((Double(Self.lineHeight) * ratio).rounded(.up))))
    var line = [Float](repeating: 0, count: inner * Self.lineHeight * 3)
    line.withUnsafeMutableBufferPointer {
      image.sample(
        region, width: inner, height: Self.lineHeight, border: .replicate, scaling: scaling,
        pixelCenters: true, into: $0)
    }
    let tensor = Tensor(float32: [1, 3, Self.lineHeight, width]) { output in
      for row in 0..<(3 * Self.lineHeight) {
        for column in 0..<inner { output[row * width + column] = line[row * inner + column] }
      }
    }
    let outputs = try await host.infer(model, [tensor], priority: priority)
    guard let output = outputs.first, output.shape.count == 3, output.shape[2] > 2 else {
      throw InferenceError(.model, "'\(model.manifest.name)' has no characters as output")
    }
    let decoded = output.withFloats { scores in
      Self.decode(scores, steps: output.shape[1], classes: output.shape[2], letters: model.manifest.labels)
    }
    guard let decoded else { return nil }
    return ReadText(text: decoded.text, confidence: decoded.confidence, region: region)
  }

  /// Greedy CTC decoding: repetitions and blanks (class 0) are skipped. The last class is the space.
  static func decode(
    _ scores: UnsafeBufferPointer<Float>, steps: Int, classes: Int, letters: [String]
  ) -> (text: String, confidence: Double) {
    guard scores.count >= steps * classes else { return ("", 0) }
    var text = ""
    var (sum, count) = (0.0, 0)
    var last = 0
    for step in 0..<steps {
      var (best, score) = (0, -Float.infinity)
      for index in 0..<classes where scores[step * classes + index] > score {
        score = scores[step * classes + index]
        best = index
      }
      if best != 0, best != last {
        text += best - 1 < letters.count ? letters[best - 1] : " "
        sum += Double(score)
        count += 1
      }
      last = best
    }
    return (text.trimmingCharacters(in: .whitespaces), count > 0 ? sum / Double(count) : 0)
  }
}
