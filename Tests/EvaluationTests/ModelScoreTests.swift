import Foundation
import Imaging
import Inference
import Perception
import Spatial
import TestSupport
import Testing

@testable import Evaluation

struct ModelScoreTests {
  static let servers = TestPaths.root + "/.build/servers/bin/python"

  /// Random truths and detections, some of them crowds: the same results as COCO's own program.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: ModelScoreTests.servers), "needs what 'make test' installs"),
    arguments: 1...4)
  func averagePrecisionMatchesCOCO(_ seed: Int) throws {
    var generator = SeededRandom(seed: UInt64(seed))
    func random() -> Double { generator.uniform() }
    var truths: [DetectionMetrics.Truth] = []
    var found: [DetectionMetrics.Found] = []
    for image in 0..<12 {
      for _ in 0..<8 {
        let (x, y, w, h) = (random() * 300, random() * 300, 20 + random() * 200, 20 + random() * 200)
        let label = Int(random() * 3)
        truths.append(
          DetectionMetrics.Truth(
            image: image, label: label, box: PixelBox(left: x, top: y, right: x + w, bottom: y + h),
            isCrowd: random() < 0.1))
        func near(_ spread: Double) -> PixelBox {
          func shift() -> Double { random() * spread - spread / 2 }
          return PixelBox(
            left: x + shift(), top: y + shift(), right: x + w + shift(), bottom: y + h + shift())
        }
        for _ in 0..<Int(random() * 3) {
          found.append(
            DetectionMetrics.Found(
              image: image,
              object: DetectedObject(
                label: random() < 0.85 ? label : Int(random() * 3), score: random(), box: near(19))))
        }
      }
    }
    let metrics = DetectionMetrics(truths: truths, found: found)
    let annotations = truths.enumerated().map { index, truth -> [String: Any] in
      let box = truth.box
      return [
        "id": index + 1, "image_id": truth.image, "category_id": truth.label,
        "iscrowd": truth.isCrowd ? 1 : 0,
        "area": box.area, "bbox": [box.left, box.top, box.width, box.height],
      ]
    }
    let results = found.map { item -> [String: Any] in
      let box = item.object.box
      return [
        "image_id": item.image, "category_id": item.object.label, "score": item.object.score,
        "bbox": [box.left, box.top, box.width, box.height],
      ]
    }
    let file = try TestPaths.temporaryFolder() + "/coco.json"
    try JSONSerialization.data(withJSONObject: [
      "truth": [
        "info": [:], "images": (0..<12).map { ["id": $0] },
        "categories": (0..<3).map { ["id": $0, "name": "\($0)"] },
        "annotations": annotations,
      ] as [String: Any], "found": results,
    ]).write(to: URL(fileURLWithPath: file))
    let theirs = try JSONDecoder().decode([String: Double].self, from: try Self.ask("coco_check.py", file))
    #expect(abs(metrics.averagePrecision - (theirs["map"] ?? -1)) < 1e-6)
    #expect(abs(metrics.averagePrecisionAt50 - (theirs["map_50"] ?? -1)) < 1e-6)
  }

  private static func ask(_ script: String, _ file: String) throws -> Data {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: servers)
    process.arguments = ["\(TestPaths.root)/Tests/Python/\(script)", file]
    process.standardOutput = pipe
    try process.run()
    return pipe.fileHandleForReading.readDataToEndOfFile()
  }

  /// Random truths and answers, with classes that never occur or are never answered.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: ModelScoreTests.servers), "needs what 'make test' installs"),
    arguments: UInt64(1)...4)
  func classScoresMatchScikitLearn(_ seed: UInt64) throws {
    struct Theirs: Decodable {
      var accuracy, precision, recall, f1: Double
      var confusion: [[Int]]
    }
    var random = SeededRandom(seed: seed)
    let pairs = (0..<200).map { _ in
      let truth = Int(random.next() % 6)
      let answer = random.uniform() < 0.6 ? truth : Int(random.next() % 8)
      // Class 5 is never answered.
      return (truth: "class \(truth)", answer: "class \(answer == 5 ? 7 : answer)")
    }
    let report = ClassificationReport(pairs)
    let file = try TestPaths.temporaryFolder() + "/pairs.json"
    try JSONEncoder().encode(["truth": pairs.map(\.truth), "answer": pairs.map(\.answer)])
      .write(to: URL(fileURLWithPath: file))
    let theirs = try JSONDecoder().decode(Theirs.self, from: try Self.ask("classification_check.py", file))
    #expect(report.confusion == theirs.confusion)
    for (ours, other) in [
      (report.accuracy, theirs.accuracy), (report.macro.precision, theirs.precision),
      (report.macro.recall, theirs.recall), (report.macro.f1, theirs.f1),
    ] { #expect(abs(ours - other) < 1e-12) }
  }

  @Test func calibratedConfidencesHaveNoError() {
    let honest = (0..<100).map { (confidence: 0.75, isRight: $0 % 4 != 0) }
    #expect(CalibrationError.expected(honest) < 1e-12)
    #expect(abs(CalibrationError.expected((0..<100).map { (0.95, $0 % 2 == 0) }) - 0.45) < 1e-12)
    #expect(CalibrationError.expected([]) == 0)
  }

  /// Of the map, and of the picture.
  private func share(of map: SaliencyMap, in object: DetectedObject, of image: RGBImage) -> (
    map: Double, area: Double
  ) {
    let box = object.box * (Double(map.width) / Double(image.width))
    return (map.share(in: box), box.area / Double(map.width * map.height))
  }

  /// On a photograph of one cat the map lies on the cat.
  @Test(.enabled(if: Models.areHere && TestPaths.corpus != nil, "needs the corpus and the fetched models"))
  func saliencyLiesInTheBoxOfTheObject() async throws {
    let host = TestHost.make()
    let model = try await host.model(ObjectDetector.defaultModel)
    let folder = try #require(TestPaths.corpus)
    let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/vision/images/coral_cat_720p.jpg"))
    let image = try Picture.decode(Array(data))
    let cat = try #require(try await ObjectDetector().detect(image, model, host: host).first)
    let map = try await SaliencyMap.explain(image, model, host: host, label: "cat", count: 100)
    let (share, area) = share(of: map, in: cat, of: image)
    #expect(share > 0.75 && share > area * 1.2, "\(share) of \(area)")
    #expect(map.overlay(on: image).width == image.width && map.label == "cat")
    do {
      _ = try await SaliencyMap.explain(image, model, host: host, label: "toaster", count: 10)
      Issue.record("there is no toaster")
    } catch { #expect(error.description.contains("toaster")) }
  }

  @Test func classScoresMatchTheirDefinitions() {
    let report = ClassificationReport([
      ("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("b", "a"), ("c", "c"),
    ])
    #expect(report.labels == ["a", "b", "c"] && report.confusion == [[2, 1, 0], [1, 1, 0], [0, 0, 1]])
    #expect(abs(report.accuracy - 4.0 / 6) < 1e-12)
    let a = report.scores(of: 0)
    #expect(abs(a.precision - 2.0 / 3) < 1e-12 && abs(a.recall - 2.0 / 3) < 1e-12 && a.support == 3)
    #expect(abs(report.macro.f1 - (2.0 / 3 + 0.5 + 1) / 3) < 1e-12)
  }
}
