import Diagnostics
import Foundation
import Inference
import Perception
import Spatial

/// Evaluates a model on pictures whose truth is known.
package struct PictureDataSet {
  /// A folder with `annotations.json` in COCO's format, or with a folder of pictures for each class.
  package let folder: String

  package init(folder: String) { self.folder = folder }

  private var annotations: String { folder + "/annotations.json" }

  /// Whether the folder holds boxes (for detectors), else classes.
  package var hasBoxes: Bool { FileManager.default.fileExists(atPath: annotations) }

  // MARK: classes

  package struct Classes {
    package var report: ClassificationReport
    /// Expected calibration error of the confidences.
    package var calibrationError: Double
  }

  package func classify(_ model: ModelHost.Loaded, host: ModelHost) async throws -> Classes {
    let files = FileManager.default
    let folders = (try? files.contentsOfDirectory(atPath: folder).sorted()) ?? []
    var pairs: [(truth: String, answer: String)] = []
    var confidences: [(confidence: Double, isRight: Bool)] = []
    for truth in folders {
      for file in (try? files.contentsOfDirectory(atPath: folder + "/" + truth).sorted()) ?? [] {
        guard PictureFile.isPicture(file) else { continue }
        let scores = try await ImageClassifier().classify(
          try PictureFile.read("\(folder)/\(truth)/\(file)"), model, host: host)
        guard let best = scores.first else { continue }
        pairs.append((truth, best.label))
        confidences.append((best.value, best.label == truth))
      }
    }
    guard !pairs.isEmpty else {
      throw EvaluationError(
        "data-set-empty", "\(folder) has neither annotations.json nor folders of images")
    }
    return Classes(
      report: ClassificationReport(pairs), calibrationError: CalibrationError.expected(confidences))
  }

  // MARK: boxes

  package struct Boxes {
    package var pictures: Int
    package var boxes: Int
    package var metrics: DetectionMetrics
    /// Categories of the data set that the model has no label for.
    package var ignored: [String]
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

  package func detect(_ model: ModelHost.Loaded, host: ModelHost) async throws -> Boxes {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let coco: COCO
    do {
      coco = try decoder.decode(COCO.self, from: Data(contentsOf: URL(fileURLWithPath: annotations)))
    } catch {
      throw EvaluationError("data-set-invalid", "\(annotations) is not in COCO's format: \(error.reason)")
    }
    let labels = model.manifest.labels
    var numbers: [Int: Int] = [:]
    for category in coco.categories { numbers[category.id] = labels.firstIndex(of: category.name) }
    let truths = coco.annotations.compactMap { box -> DetectionMetrics.Truth? in
      guard let label = numbers[box.categoryId], box.bbox.count == 4 else { return nil }
      return DetectionMetrics.Truth(
        image: box.imageId, label: label,
        box: PixelBox(
          left: box.bbox[0], top: box.bbox[1], right: box.bbox[0] + box.bbox[2],
          bottom: box.bbox[1] + box.bbox[3]),
        isCrowd: box.iscrowd == 1)
    }
    var found: [DetectionMetrics.Found] = []
    // COCO scores all detections, however weak.
    let detector = ObjectDetector(minimumScore: 0.01, maximumOverlap: 0.65)
    for image in coco.images {
      let direct = folder + "/" + image.fileName
      let path =
        FileManager.default.fileExists(atPath: direct) ? direct : folder + "/images/" + image.fileName
      for object in try await detector.detect(try PictureFile.read(path), model, host: host) {
        found.append(DetectionMetrics.Found(image: image.id, object: object))
      }
    }
    return Boxes(
      pictures: coco.images.count, boxes: truths.count,
      metrics: DetectionMetrics(truths: truths, found: found),
      ignored: coco.categories.filter { numbers[$0.id] == nil }.map(\.name))
  }
}
