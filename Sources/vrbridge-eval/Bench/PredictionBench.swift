import ArgumentParser
import CommandSupport
import Evaluation
import Foundation
import InertialTables

struct PredictionBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prediction",
    abstract: "Measure errors of predicted orientations against prediction with constant angular velocity.",
    discussion: discussion(
      "Predicts from the gyroscope and the optical ground truth of trials (--data), or from poses alone (--poses).",
      examples: "vrbridge bench prediction --data broad", "vrbridge bench prediction --poses head.csv"))

  @Option(
    help: ArgumentHelp(
      "Read trials in the layout of BROAD from this folder (default: none).", valueName: "folder"),
    completion: .directory)
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Read poses with the columns t_s, qx, qy, qz, qw from this file; repeatable (default: none).",
      valueName: "file.csv"), completion: .file())
  var poses: [String] = []

  func run() throws {
    guard data != nil || !poses.isEmpty else {
      throw ValidationError("--data FOLDER or --poses FILE.csv is needed")
    }
    print("degrees: RMS (99th percentile), mean over recordings; in brackets constant angular velocity")
    if let data {
      Self.show(
        "gyroscope, \(data)",
        try OpticalTrial.read(folder: data).map { PredictionBenchmark($0).scores() })
    }
    guard !poses.isEmpty else { return }
    Self.show(
      "\(poses.count) files of poses",
      try poses.map { try PredictionBenchmark(NumericTable.read(path: $0)).scores() })
  }

  private static func show(_ name: String, _ scores: [[PredictionBenchmark.Score]]) {
    print(name)
    guard let first = scores.first else { return }
    for index in first.indices {
      let all = scores.map { $0[index] }
      print(
        String(
          format: "  %3.0f ms  %.3f (%.2f)   [%.3f (%.2f)]", first[index].horizon * 1000,
          mean(all.map(\.rms)),
          mean(all.map(\.p99)), mean(all.map(\.constantRMS)), mean(all.map(\.constantP99))))
    }
  }
}
