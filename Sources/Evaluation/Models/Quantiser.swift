import Foundation
import Imaging
import Inference
import Perception

/// Makes a version of a model with 8-bit weights and activations (NNCF), fitted to the inputs of given pictures.
package struct Quantiser {
  package var model: ModelPackage
  package var registry: ModelRegistry
  package var engine: LocalEngine
  package var tool: PythonTool

  /// Inputs that the quantisation is fitted to: more take longer and change little.
  package static let maximumSamples = 300

  package init(_ model: ModelPackage, registry: ModelRegistry, engine: LocalEngine, tool: PythonTool) {
    self.model = model
    self.registry = registry
    self.engine = engine
    self.tool = tool
  }

  private var name: String { model.manifest.name }

  /// The quantised model beside the original, on the same inputs.
  package struct Comparison {
    /// Median times of an inference, ms.
    package var before: Double
    package var after: Double
    /// Output → mean difference, as a share of the mean size.
    package var differences: [(output: String, share: Double)]
  }

  /// Returns the model's inputs while it processes the pictures as the bridge processes frames.
  package func samples(of folder: String) async throws -> [[Tensor]] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let files = names.filter(PictureFile.isPicture)
    guard !files.isEmpty else {
      throw EvaluationError("data-set-empty", "\(folder) holds no JPEG or PNG images")
    }
    let images = try files.sorted().prefix(Self.maximumSamples).map {
      try PictureFile.read(folder + "/" + $0)
    }
    let recorder = InputRecorder(engine, of: name, maximum: Self.maximumSamples)
    try await process(images, ModelHost(registry: registry, local: recorder))
    guard recorder.samples.count > 3 else {
      throw EvaluationError(
        "too-few-inputs",
        "\(name) received \(recorder.samples.count) inputs from these images, fewer than 4: add images of the objects that it detects"
      )
    }
    return recorder.samples
  }

  private func process(_ images: [RGBImage], _ host: ModelHost) async throws {
    for image in images {
      switch model.manifest.task {
      case .palmDetection, .handLandmarks:
        let tracker = HandTracker(host: host)
        // Once for detection, once for tracking.
        for _ in 0..<2 { _ = try await tracker.track(image) }
      case .objectDetection:
        _ = try await ObjectDetector().detect(image, try await host.model(name), host: host)
      case .textDetection, .textRecognition: _ = try await TextReader(host: host).read(image)
      case .imageClassification:
        _ = try await ImageClassifier().classify(image, try await host.model(name), host: host)
      default:
        throw EvaluationError(
          "task-unsupported",
          "'\(name)' takes no images: its task is \(model.manifest.task.rawValue)")
      }
    }
  }

  /// Runs NNCF; returns the model's files.
  package func quantise(_ samples: [[Tensor]]) throws -> [ModelPackage.File] {
    let folder = try TemporaryFolder("vrbridge-quantise")
    for file in model.files { try Data(file.bytes).write(to: folder.file(file.name)) }
    struct Entry: Encodable {
      var file: String
      var type: String
      var shape: [Int]
    }
    let list = try samples.enumerated().map { number, tensors in
      try tensors.enumerated().map { index, tensor in
        let file = "sample-\(number)-\(index)"
        try Data(tensor.bytes).write(to: folder.file(file))
        return Entry(file: file, type: tensor.type.rawValue, shape: tensor.shape)
      }
    }
    try JSONEncoder().encode(list).write(to: folder.file("samples.json"))
    let arguments = [folder.file(model.files[0].name).path, folder.path, folder.file("quantised").path]
    if let problem = try tool.run(arguments, in: folder) {
      throw EvaluationError("quantisation-failed", "\(tool.python) could not quantise \(name):\n\(problem)")
    }
    return try ["quantised.xml", "quantised.bin"].map {
      ModelPackage.File(name: $0, bytes: Array(try Data(contentsOf: folder.file($0))))
    }
  }

  package func compare(_ new: ModelPackage, on samples: [[Tensor]]) async throws -> Comparison {
    let sessions = [
      try await engine.open(model, SessionOptions()), try await engine.open(new, SessionOptions()),
    ]
    var times: [[Double]] = [[], []]
    var differences = [Double](repeating: 0, count: sessions[0].outputs.count)
    var sizes = differences
    for sample in samples {
      var answers: [[Tensor]] = []
      for (index, session) in sessions.enumerated() {
        let begun = ContinuousClock.now
        answers.append(try await session.infer(sample))
        times[index].append((ContinuousClock.now - begun) / .milliseconds(1))
      }
      for (output, (left, right)) in zip(answers[0], answers[1]).enumerated() {
        for (a, b) in zip(left.numbers, right.numbers) where a.isFinite && b.isFinite {
          differences[output] += abs(a - b)
          sizes[output] += abs(a)
        }
      }
    }
    func median(_ list: [Double]) -> Double { list.sorted()[list.count / 2] }
    return Comparison(
      before: median(times[0]), after: median(times[1]),
      differences: sessions[0].outputs.enumerated().map { index, spec in
        (spec.name, differences[index] / max(sizes[index], 1e-12))
      })
  }
}
