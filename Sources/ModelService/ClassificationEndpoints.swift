import HTTPServer
import HTTPTypes
import Hummingbird
import Imaging
import Inference
import Perception

/// `/classify` and `/classify/text`: labels for a picture or a text.
struct ClassificationEndpoints: Sendable {
  let access: ModelAccess
  let pictures: PictureDecoder
  /// Width times height of a picture, at most.
  let maximumPixels: Int

  private struct Label: Encodable {
    var label: String
    var score: Double
    /// Left, top, right, bottom in pixels; nil for a label of the whole picture.
    var box: [Double]?
  }

  private struct Answer: Encodable {
    enum CodingKeys: CodingKey {
      case model, version, digest, label, score, top
    }
    var model: String
    var version: String
    var digest: String
    var top: [Label]

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(model, forKey: .model)
      try container.encode(version, forKey: .version)
      try container.encode(digest, forKey: .digest)
      // Null, not absent, when the model finds nothing.
      try container.encode(top.first?.label, forKey: .label)
      try container.encode(top.first?.score ?? 0, forKey: .score)
      try container.encode(top, forKey: .top)
    }
  }

  func picture(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let query = call.request.uri.queryParameters
    let upload: PictureUpload
    var requested: Int?
    do throws(PictureError) {
      if let text = query["top"] { requested = try PictureUpload.count(String(text)) }
      upload = try PictureUpload(call.body, contentType: call.request.headers[.contentType] ?? "")
    } catch {
      throw InferenceError(.input, error.description)
    }
    let count = upload.top ?? requested ?? 5
    let name = upload.model ?? query["model"].map(String.init) ?? ""
    guard !name.isEmpty else {
      throw InferenceError(.input, "no model is named; use /classify?model=NAME")
    }
    let loaded = try await access.model(name, nil, call.rights)
    let image: RGBImage
    do throws(PictureError) {
      image = try await pictures.decode(upload.bytes, maximumPixels: maximumPixels)
    } catch {
      throw InferenceError(error)
    }
    return .json(
      Answer(
        model: name, version: loaded.version, digest: loaded.digest,
        top: try await labels(image, loaded, count)))
  }

  private func labels(
    _ image: RGBImage, _ loaded: ModelHost.Loaded, _ count: Int
  ) async throws(InferenceError) -> [Label] {
    switch loaded.manifest.task {
    case .objectDetection:
      let objects = try await ObjectDetector().detect(image, loaded, host: access.host, priority: .request)
      let names = loaded.manifest.labels
      return objects.prefix(count).map { Self.label($0, names) }
    case .imageClassification:
      let scores = try await ImageClassifier().classify(image, loaded, host: access.host)
      return scores.prefix(count).map { Label(label: $0.label, score: $0.value) }
    default:
      throw InferenceError(
        .input,
        "'\(loaded.manifest.name)' is a model for \(loaded.manifest.task.rawValue), which labels no images; choose one for image classification or object detection"
      )
    }
  }

  private static func label(_ object: DetectedObject, _ names: [String]) -> Label {
    Label(
      label: object.label < names.count ? names[object.label] : "class \(object.label)",
      score: object.score, box: [object.box.left, object.box.top, object.box.right, object.box.bottom])
  }

  func text(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let request = try TextRequest.read(call.body)
    // The error for a model that the client may not use is that of a missing one, here as elsewhere.
    _ = try await access.model(SentenceEmbedder.modelName, nil, call.rights)
    return .json(try await request.answer(SentenceEmbedder(host: access.host)))
  }
}

extension InferenceError {
  init(_ error: PictureError) {
    let kind: Kind =
      switch error.cause {
      case .invalid, .timeout: .input
      case .decoderFailed: .unavailable
      case .decoderBusy: .late
      }
    self.init(kind, error.description)
  }
}
