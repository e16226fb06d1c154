import ArgumentParser
import CommandSupport
import Evaluation
import Foundation
import InertialTables
import Tracking

struct TrackingBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tracking",
    abstract: "Measure orientation errors on trials with optical ground truth.",
    discussion: discussion(
      """
      FOLDER holds .mat files in the layout of the BROAD benchmark (https://github.com/dlaidig/broad). Errors are \
      root mean squares over the movement, in degrees, averaged over trials. --peer adds a column for another \
      program: a command with {in}, {out} and {mag} for the table to read, the table to write, and the option --no-mag.
      """,
      examples: "vrbridge bench tracking --data broad --condition published",
      "vrbridge bench tracking --data broad --peer 'VQF=python3 vqf_track.py {in} {out} {mag}'"))

  @Option(help: ArgumentHelp("Read trials from this folder.", valueName: "folder"), completion: .directory)
  var data: String

  @Option(
    help: ArgumentHelp(
      "Read settings of the filter from this YAML file (default: built in).", valueName: "file"),
    completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp("Measure this program too; repeatable (default: none).", valueName: "name=command"))
  var peer: [String] = []

  @Option(
    help: ArgumentHelp(
      "Measure only this condition; repeatable (default: all): \(TrackingBenchmark.Condition.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var condition: [String] = []

  @Flag(help: "Print each trial too.")
  var trials = false

  @Flag(help: "Print JSON, one object per trial, method and condition.")
  var json = false

  func run() throws {
    let settings = try EstimatorSettings(file: config)
    let recordings = try OpticalTrial.read(folder: data)
    let benchmark = TrackingBenchmark(trials: recordings, settings: settings)
    var methods: [(name: String, method: TrackingBenchmark.Method)] = [
      ("vrbridge", .filter)
    ]
    // The smoother is that of the error-state Kalman filter.
    if settings.orientationSettings != nil { methods.append(("vrbridge --offline", .smoother)) }
    for text in peer {
      guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
        throw ValidationError("--peer '\(text)': NAME=COMMAND is expected")
      }
      methods.append((String(text[..<sign]), .command(String(text[text.index(after: sign)...]))))
    }
    let conditions = TrackingBenchmark.Condition.allCases
    let wanted = condition.isEmpty ? conditions : conditions.filter { condition.contains($0.rawValue) }
    if let unknown = condition.first(where: { TrackingBenchmark.Condition(rawValue: $0) == nil }) {
      throw ValidationError(
        "--condition '\(unknown)' is unknown; allowed: \(conditions.map(\.rawValue).joined(separator: ", "))")
    }
    if !json {
      print("\(recordings.count) trials; RMS over the movement in degrees, mean over trials")
      print(Self.header)
    }
    for condition in wanted {
      for (name, method) in methods {
        let scores = try benchmark.scores(method, condition)
        if json {
          for score in scores { print(JSONLine.text(Report(score, name, condition))) }
          continue
        }
        print(Self.row(condition.title, name, scores))
        if trials { for score in scores { print(Self.row("  " + score.trial, name, [score])) } }
      }
    }
  }

  private static let header =
    Terminal.pad("", 54) + Terminal.pad("", 20)
    + "   9D total   heading  inclin.   6D total   heading  inclin.  worst 9D  worst incl."

  private static func row(_ title: String, _ name: String, _ scores: [TrackingBenchmark.Score]) -> String {
    func mean(_ value: (TrackingBenchmark.Score) -> Double) -> String {
      String(format: "%9.3f", scores.map(value).reduce(0, +) / Double(max(1, scores.count)))
    }
    let worst = scores.map(\.withField.total).max() ?? .nan
    let tilt = scores.map(\.withoutField.inclination).max() ?? .nan
    return Terminal.pad(title, 54) + Terminal.pad(name, 20) + "  " + mean(\.withField.total) + " "
      + mean(\.withField.heading) + mean(\.withField.inclination) + "  " + mean(\.withoutField.total) + " "
      + mean(\.withoutField.heading) + mean(\.withoutField.inclination)
      + String(format: " %9.3f    %9.3f", worst, tilt)
  }

  private struct Report: Encodable {
    struct Errors: Encodable {
      var total: Double?
      var heading: Double?
      var inclination: Double?

      init(_ score: OrientationScore) {
        (total, heading, inclination) = (score.total.finite, score.heading.finite, score.inclination.finite)
      }
    }
    var trial: String
    var method: String
    var condition: String
    var withField: Errors
    var withoutField: Errors

    enum CodingKeys: String, CodingKey {
      case trial, method, condition
      case withField = "9d"
      case withoutField = "6d"
    }

    init(_ score: TrackingBenchmark.Score, _ name: String, _ condition: TrackingBenchmark.Condition) {
      (trial, method, self.condition) = (score.trial, name, condition.rawValue)
      (withField, withoutField) = (Errors(score.withField), Errors(score.withoutField))
    }
  }
}
