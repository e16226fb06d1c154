import ArgumentParser
import Bridge
import Foundation
import Imaging
import Inference
import Perception

struct ModelsExplain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract:
      "Show what an answer rests on: parts of the picture for classifiers and detectors (RISE), joints for gestures."
  )

  @Argument(help: "The model.")
  var name: String

  @Argument(help: "JPEG or PNG.")
  var input: String

  @Option(help: "The overlay (PNG).")
  var out = "explanation.png"

  @Option(help: "What is to be explained; the best answer when not given.")
  var label: String?

  @Option(help: "Masks: more are slower and smoother.")
  var masks = 400

  @OptionGroup var options: ModelOptions

  func run() async throws {
    guard (10...100_000).contains(masks) else { throw ValidationError("--masks is 10 to 100000") }
    do {
      let image = try PictureFile.read(input)
      let host = try options.host()
      let model = try await host.model(name)
      if [.gestureEmbedding, .gestureClassification].contains(model.manifest.task) {
        return try await explainGesture(image, host)
      }
      let map = try await SaliencyMap.explain(image, model, host: host, label: label, count: masks)
      try Data(PNG.encode(map.overlay(on: image))).write(to: URL(fileURLWithPath: out))
      print("\(map.label): \(out)")
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func explainGesture(_ image: RGBImage, _ host: ModelHost) async throws {
    guard let answer = try await JointExplanation.explain(image, host: host, label: label) else {
      throw Failure("there is no hand in \(input)")
    }
    try Data(PNG.encode(answer.map.overlay(on: image))).write(to: URL(fileURLWithPath: out))
    print(String(format: "%@ (%.2f): %@", answer.label, answer.score, out))
    for joint in answer.joints.sorted(by: { $0.importance > $1.importance }).prefix(5) {
      print(String(format: "  %@: moved, the score falls by %.2f", joint.name, joint.importance))
    }
  }
}

struct ModelsEval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Judge a model on pictures whose truth is known.",
    discussion: """
      FOLDER holds a folder of pictures for each class (classifiers), or annotations.json in COCO's format with the pictures beside it
      or in images/ (detectors). Names of classes are the model's labels.
      """)

  @Argument(help: "The model.")
  var name: String

  @Option(help: "Pictures.")
  var data: String

  @Flag(help: "JSON.")
  var json = false

  @OptionGroup var options: ModelOptions

  func run() async throws {
    do {
      let host = try options.host()
      let model = try await host.model(name)
      let coco = data + "/annotations.json"
      if FileManager.default.fileExists(atPath: coco) {
        try await detector(model, host, coco)
      } else {
        try await classifier(model, host)
      }
      let row = await host.index().first { $0.name == name }
      if !json, let p50 = row?.figures.latency(0.5), let p99 = row?.figures.latency(0.99) {
        print(String(format: "model: %.1f ms at p50, %.1f at p99", p50, p99))
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func classifier(_ model: ModelHost.Loaded, _ host: ModelHost) async throws {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: data).sorted()) ?? []
    var pairs: [(truth: String, answer: String)] = []
    var confidences: [(confidence: Double, isRight: Bool)] = []
    for folder in folders {
      for file in (try? FileManager.default.contentsOfDirectory(atPath: data + "/" + folder).sorted()) ?? [] {
        guard PictureFile.isOne(file) else { continue }
        let scores = try await ImageClassifier().classify(
          try PictureFile.read("\(data)/\(folder)/\(file)"), model, host: host)
        guard let best = scores.first else { continue }
        pairs.append((folder, best.label))
        confidences.append((best.value, best.label == folder))
      }
    }
    guard !pairs.isEmpty else {
      throw Failure("\(data) has neither annotations.json nor folders of pictures")
    }
    let report = ClassificationReport(pairs)
    let (macro, error) = (report.macro, CalibrationError.expected(confidences))
    if json {
      print(
        "{\"pictures\":\(report.count),\"accuracy\":\(report.accuracy),\"precision\":\(macro.precision),\"recall\":\(macro.recall),\"f1\":\(macro.f1),\"calibration_error\":\(error)}"
      )
    } else {
      print(
        String(
          format:
            "%d pictures: accuracy %.1f %%, precision %.3f, recall %.3f, F1 %.3f, calibration error %.3f",
          report.count, report.accuracy * 100, macro.precision, macro.recall, macro.f1, error))
    }
  }

  private struct COCO: Decodable {
    struct Image: Decodable {
      var id: Int
      var fileName: String
    }
    struct Category: Decodable {
      var id: Int
      var name: String
    }
    struct Box: Decodable {
      var imageId: Int
      var categoryId: Int
      var bbox: [Double]
      var iscrowd: Int?
    }
    var images: [Image]
    var categories: [Category]
    var annotations: [Box]
  }

  private func detector(_ model: ModelHost.Loaded, _ host: ModelHost, _ file: String) async throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let coco: COCO
    do { coco = try decoder.decode(COCO.self, from: Data(contentsOf: URL(fileURLWithPath: file))) } catch {
      throw Failure("\(file) is not in COCO's format: \(error)")
    }
    let labels = model.manifest.labels
    var numbers: [Int: Int] = [:]
    for category in coco.categories { numbers[category.id] = labels.firstIndex(of: category.name) }
    let unknown = coco.categories.filter { numbers[$0.id] == nil }.map(\.name)
    if !unknown.isEmpty {
      FileHandle.standardError.write(
        Data("vrbridge: the model knows no \(unknown.joined(separator: ", ")): they are left out\n".utf8))
    }
    let truths = coco.annotations.compactMap { box -> DetectionMetrics.Truth? in
      guard let label = numbers[box.categoryId], box.bbox.count == 4 else { return nil }
      return DetectionMetrics.Truth(
        image: box.imageId, label: label,
        box: SIMD4(box.bbox[0], box.bbox[1], box.bbox[0] + box.bbox[2], box.bbox[1] + box.bbox[3]),
        isCrowd: box.iscrowd == 1)
    }
    var found: [DetectionMetrics.Found] = []
    // As COCO's servers judge: all that the model says, however weak.
    let finder = ObjectDetector(minimumScore: 0.01, maximumOverlap: 0.65)
    for image in coco.images {
      let direct = data + "/" + image.fileName
      let path = FileManager.default.fileExists(atPath: direct) ? direct : data + "/images/" + image.fileName
      for object in try await finder.detect(try PictureFile.read(path), model, host: host) {
        found.append(DetectionMetrics.Found(image: image.id, object: object))
      }
    }
    let metrics = DetectionMetrics(truths: truths, found: found)
    if json {
      let list = metrics.byLabel.sorted { $0.key < $1.key }.map {
        "\(PoseLine.quoted(labels[$0.key])):\($0.value)"
      }
      print(
        "{\"pictures\":\(coco.images.count),\"map\":\(metrics.averagePrecision),\"map_50\":\(metrics.averagePrecisionAt50),\"by_label\":{\(list.joined(separator: ","))}}"
      )
    } else {
      print(
        String(
          format: "%d pictures, %d boxes: mAP@0.5:0.95 %.3f, mAP@0.5 %.3f", coco.images.count, truths.count,
          metrics.averagePrecision, metrics.averagePrecisionAt50))
      for (label, value) in metrics.byLabel.sorted(by: { $0.key < $1.key }) {
        print(Terminal.pad(labels[label], 26) + String(format: "%.3f", value))
      }
    }
  }
}
