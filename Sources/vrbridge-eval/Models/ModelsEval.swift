import ArgumentParser
import CommandSupport
import Evaluation
import Foundation
import Inference

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Evaluate, explain and quantise models.",
    discussion: discussion(examples: "vrbridge models eval object-detection --data images"),
    subcommands: [ModelsEval.self, ModelsExplain.self, ModelsQuantise.self])
}

struct ModelsEval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate a model on images with ground truth.",
    discussion: discussion(
      """
      FOLDER holds a folder of images for each class (classifiers), or annotations.json in COCO's format with the \
      images beside it or in images/ (detectors). Class names are the model's labels.
      """,
      examples: "vrbridge models eval object-detection --data images"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Option(help: ArgumentHelp("Read images from this folder.", valueName: "folder"), completion: .directory)
  var data: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var options: ModelOptions

  func run() async throws {
    let host = try options.host()
    let model = try await host.model(name)
    let set = PictureDataSet(folder: data)
    if set.hasBoxes {
      report(try await set.detect(model, host: host), labels: model.manifest.labels)
    } else {
      report(try await set.classify(model, host: host))
    }
    let row = await host.index().first { $0.name == name }
    if !json, let p50 = row?.metrics.latency(0.5), let p99 = row?.metrics.latency(0.99) {
      print(String(format: "model: %.1f ms at p50, %.1f at p99", p50, p99))
    }
  }

  private struct ClassReport: Encodable {
    var pictures: Int
    var accuracy: Double
    var precision: Double
    var recall: Double
    var f1: Double
    var calibrationError: Double
  }

  private func report(_ result: PictureDataSet.Classes) {
    let (report, macro) = (result.report, result.report.macro)
    if json {
      print(
        JSONLine.text(
          ClassReport(
            pictures: report.count, accuracy: report.accuracy, precision: macro.precision,
            recall: macro.recall, f1: macro.f1, calibrationError: result.calibrationError)))
    } else {
      print(
        String(
          format:
            "%d images: accuracy %.1f %%, precision %.3f, recall %.3f, F1 %.3f, calibration error %.3f",
          report.count, report.accuracy * 100, macro.precision, macro.recall, macro.f1,
          result.calibrationError))
    }
  }

  private struct BoxReport: Encodable {
    var pictures: Int
    var map: Double
    var map50: Double
    var byLabel: [String: Double]

    enum CodingKeys: String, CodingKey {
      case pictures, map
      case map50 = "map_50"
      case byLabel
    }
  }

  private func report(_ result: PictureDataSet.Boxes, labels: [String]) {
    if !result.ignored.isEmpty {
      Terminal.complain(
        "vrbridge: the model has no label for \(result.ignored.joined(separator: ", ")): ignored")
    }
    let metrics = result.metrics
    if json {
      print(
        JSONLine.text(
          BoxReport(
            pictures: result.pictures, map: metrics.averagePrecision, map50: metrics.averagePrecisionAt50,
            byLabel: Dictionary(
              metrics.byLabel.map { (labels[$0.key], $0.value) }, uniquingKeysWith: { first, _ in first }))))
    } else {
      print(
        String(
          format: "%d images, %d boxes: mAP@0.5:0.95 %.3f, mAP@0.5 %.3f", result.pictures, result.boxes,
          metrics.averagePrecision, metrics.averagePrecisionAt50))
      for (label, value) in metrics.byLabel.sorted(by: { $0.key < $1.key }) {
        print(Terminal.pad(labels[label], 26) + String(format: "%.3f", value))
      }
    }
  }
}
