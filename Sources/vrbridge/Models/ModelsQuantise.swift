import ArgumentParser
import Bridge
import Foundation
import Imaging
import Inference
import Perception

struct ModelsQuantise: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantise",
    abstract: "Make a faster version of a model that looks at pictures, with numbers of 8 bits (NNCF).",
    discussion: """
      The pictures should be of what the model will see: its numbers are fitted to them. The version in force stays; what \
      the new one loses and gains on these pictures is told, and 'models pin' puts it into force. Needs a Python that has \
      NNCF and OpenVINO.
      """)

  @Argument(help: "The model.")
  var name: String

  @Option(help: ArgumentHelp("Pictures (JPEG, PNG).", valueName: "folder"))
  var data: String

  @Option(help: "The version that it will have; that of the model with '-int8' when not given.")
  var version: String?

  @Option(help: "A Python with NNCF and OpenVINO.")
  var python = "python3"

  @OptionGroup var options: ModelOptions

  /// Inputs on which the numbers are fitted: more take longer and change little.
  private static let maximumSamples = 300

  func run() async throws {
    do { try await quantise() } catch let failure as Failure { throw failure } catch {
      throw Failure(String(describing: error))
    }
  }

  private func quantise() async throws {
    let registry = try options.registry()
    let versions = registry.versions(of: name)
    guard let current = registry.choice(of: name).version(among: versions, draw: 1) else {
      throw Failure("there is no model '\(name)' in \(registry.folder)")
    }
    let package = try registry.package(name, current).package
    let settings = try options.settings()
    let recorder = InputRecorder(
      settings.localEngine, of: name, maximum: Self.maximumSamples)
    try await look(ModelHost(registry: registry, local: recorder), at: try pictures(), for: package.manifest)
    let samples = recorder.samples
    guard samples.count > 3 else {
      throw Failure("\(name) was asked about \(samples.count) things in these pictures: give it more to see")
    }

    let folder = try TemporaryFolder("vrbridge-quantise")
    try write(samples, package, folder)
    print("\(name) \(current): fitting to \(samples.count) inputs")
    try fit(folder, package)

    var manifest = package.manifest
    manifest.version = version ?? current + "-int8"
    manifest.title += manifest.title.isEmpty ? "8 bits" : ", 8 bits"
    manifest.source = "quantised from \(name) \(current)"
    var files: [ModelPackage.File] = []
    for file in ["quantised.xml", "quantised.bin"] {
      files.append(
        ModelPackage.File(
          name: file, bytes: Array(try Data(contentsOf: folder.file(file)))))
    }
    let labels = manifest.labelsFile.flatMap { wanted in package.files.first { $0.name == wanted }?.bytes }
    manifest.labelsFile = nil
    let result = ModelPackage(manifest: manifest, files: files)
    try await compare(package, result, samples, settings)
    // Nothing comes into force by itself.
    if registry.choice(of: name).pinned == nil { try registry.pin(name, current) }
    try registry.add(result, labels: labels, signedWith: try options.signingKey())
    print("\(name) \(manifest.version): in \(registry.folder)/\(name)/\(manifest.version)")
    print(
      "\(name) \(current) stays in force; to change: vrbridge models pin \(name) \(manifest.version), and back: vrbridge models rollback \(name)"
    )
  }

  private func pictures() throws -> [RGBImage] {
    let names = FileManager.default.enumerator(atPath: data)?.compactMap { $0 as? String } ?? []
    let files = names.filter(PictureFile.isOne)
    guard !files.isEmpty else { throw Failure("\(data) holds no JPEG or PNG pictures") }
    return try files.sorted().prefix(Self.maximumSamples).map { try PictureFile.read(data + "/" + $0) }
  }

  /// Does with the pictures what the bridge would do with frames.
  private func look(_ host: ModelHost, at images: [RGBImage], for manifest: ModelManifest) async throws {
    for image in images {
      switch manifest.task {
      case .palmDetection, .handLandmarks:
        let tracker = HandTracker(host: host)
        // As it is found, and as it is followed.
        for _ in 0..<2 { _ = try await tracker.track(image) }
      case .objectDetection:
        _ = try await ObjectDetector().detect(image, try await host.model(name), host: host)
      case .textDetection, .textRecognition: _ = try await TextReader(host: host).read(image)
      case .imageClassification:
        _ = try await ImageClassifier().classify(image, try await host.model(name), host: host)
      default: throw Failure("'\(name)' does not look at pictures: its task is \(manifest.task.rawValue)")
      }
    }
  }

  private func write(_ samples: [[Tensor]], _ package: ModelPackage, _ folder: TemporaryFolder) throws {
    for file in package.files {
      try Data(file.bytes).write(to: folder.file(file.name))
    }
    struct Entry: Encodable {
      var file: String
      var type: String
      var shape: [Int]
    }
    var list: [[Entry]] = []
    for (number, tensors) in samples.enumerated() {
      list.append(
        try tensors.enumerated().map { place, tensor in
          let file = "sample-\(number)-\(place)"
          try Data(tensor.bytes).write(to: folder.file(file))
          return Entry(file: file, type: tensor.type.rawValue, shape: tensor.shape)
        })
    }
    try JSONEncoder().encode(list).write(to: folder.file("samples.json"))
  }

  private func fit(_ folder: TemporaryFolder, _ package: ModelPackage) throws {
    let tool = PythonTool(python: python, script: "quantise.py")
    let arguments = [folder.file(package.files[0].name).path, folder.path, folder.file("quantised").path]
    if let fault = try tool.run(arguments, in: folder) {
      throw Failure("\(python) could not quantise \(name):\n\(fault)")
    }
  }

  /// How far the answers to the same inputs lie apart, and what an answer takes.
  private func compare(
    _ old: ModelPackage, _ new: ModelPackage, _ samples: [[Tensor]], _ settings: ModelSettings
  ) async throws {
    let engine = settings.localEngine
    let sessions = [
      try await engine.open(old, SessionOptions()), try await engine.open(new, SessionOptions()),
    ]
    var times: [[Double]] = [[], []]
    var differences = [Double](repeating: 0, count: sessions[0].outputs.count)
    var sizes = differences
    for sample in samples {
      var answers: [[Tensor]] = []
      for (place, session) in sessions.enumerated() {
        let begun = ContinuousClock.now
        answers.append(try await session.infer(sample))
        times[place].append((ContinuousClock.now - begun) / .milliseconds(1))
      }
      for (output, (left, right)) in zip(answers[0], answers[1]).enumerated() {
        for (a, b) in zip(left.numbers, right.numbers) where a.isFinite && b.isFinite {
          differences[output] += abs(a - b)
          sizes[output] += abs(a)
        }
      }
    }
    func median(_ list: [Double]) -> Double { list.sorted()[list.count / 2] }
    let (before, after) = (median(times[0]), median(times[1]))
    print(String(format: "%.1f ms in place of %.1f: %.2f of it", after, before, after / before))
    for (output, spec) in sessions[0].outputs.enumerated() {
      print(
        String(
          format: "answers differ by %.2f %% in '%@'", differences[output] / max(sizes[output], 1e-12) * 100,
          spec.name))
    }
  }
}
