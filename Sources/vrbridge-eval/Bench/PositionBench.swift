import ArgumentParser
import CommandSupport
import Evaluation
import Foundation

struct PositionBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "position",
    abstract: "Measure position and attitude errors of inertial tracking with late, noisy camera poses.",
    discussion: discussion(
      """
      Camera poses are made from the optical ground truth of the trials. Errors are root mean squares over the movement, \
      at the newest sample and 20 ms ahead, averaged over trials. "As displayed" is the pose that \
      a renderer receives: with corrections spread over time and the bridge's own prediction. NEES is the squared \
      error divided by the covariance, for each component: 1 is consistent.
      """,
      examples: "vrbridge bench position --data broad"))

  @Option(
    help: ArgumentHelp("Read trials in the layout of BROAD from this folder.", valueName: "folder"),
    completion: .directory)
  var data: String

  @Flag(name: .customLong("trials"), help: "Print each trial too.")
  var each = false

  func run() throws {
    let recordings = try OpticalTrial.read(folder: data)
    print(
      Terminal.pad("\(recordings.count) trials", 40)
        + "  mm now   deg now  mm +20ms  deg +20ms  NEES pos.  NEES att.")
    for cameras in PositionBenchmark.Cameras.cases {
      for (name, scores) in [
        (cameras.name, recordings.map { PositionBenchmark(trial: $0).score(cameras) }),
        ("  as displayed", recordings.map { PositionBenchmark(trial: $0).scoreShown(cameras) }),
      ] {
        print(Self.row(name, scores))
        if each {
          for (trial, score) in zip(recordings, scores) { print(Self.row("    " + trial.name, [score])) }
        }
      }
    }
    let floor = mean(recordings.map { PositionBenchmark(trial: $0).truthNoise() }) * 180 / .pi
    print(String(format: "The attitude noise of the ground truth is %.3f deg.", floor))
  }

  private static func row(_ name: String, _ scores: [PositionBenchmark.Score]) -> String {
    Terminal.pad(name, 40)
      + String(
        format: "%8.2f  %8.3f  %8.2f  %9.3f", mean(scores.map(\.positionNow)),
        mean(scores.map(\.orientationNow)), mean(scores.map(\.positionAhead)),
        mean(scores.map(\.orientationAhead)))
      + [scores.map(\.positionNEES), scores.map(\.attitudeNEES)].map {
        Terminal.padLeft(Terminal.number(mean($0), 2), 11)
      }.joined()
  }
}
