import ArgumentParser
import Evaluation
import Foundation

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure accuracy on recordings with known truth.",
    subcommands: [TrackingBench.self])
}

struct TrackingBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tracking",
    abstract: "Orientation errors on trials with optical truth.",
    discussion: """
      FOLDER holds .mat files in the layout of the BROAD benchmark (https://github.com/dlaidig/broad). Errors are \
      root mean squares over the movement, in degrees, averaged over trials. --peer adds a column for another \
      program, for example --peer 'vqf=python3 peer.py {in} {out} {mag}'.
      """)

  @Option(help: ArgumentHelp("Trials.", valueName: "folder"))
  var data: String

  @Option(help: ArgumentHelp("Settings of the filter (YAML).", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("NAME=COMMAND, may be given more than once.", valueName: "peer"))
  var peer: [String] = []

  @Option(help: "Only this condition, by name.")
  var condition: [String] = []

  @Flag(help: "Each trial too.")
  var trials = false

  @Flag(help: "JSON, one object a trial, method and condition.")
  var json = false

  func run() async throws {
    let settings = try trackingSettings(config)
    let recordings: [OpticalTrial]
    do { recordings = try OpticalTrial.read(folder: data) } catch { throw Failure(String(describing: error)) }
    let benchmark = TrackingBenchmark(trials: recordings, settings: settings)
    var methods: [(name: String, method: TrackingBenchmark.Method)] = [
      ("vrbridge", .filter), ("vrbridge --offline", .smoother),
    ]
    for text in peer {
      guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
        throw Failure("--peer '\(text)': NAME=COMMAND is expected")
      }
      methods.append((String(text[..<sign]), .command(String(text[text.index(after: sign)...]))))
    }
    let conditions = TrackingBenchmark.Condition.allCases
    let wanted = condition.isEmpty ? conditions : conditions.filter { condition.contains($0.rawValue) }
    if let unknown = condition.first(where: { TrackingBenchmark.Condition(rawValue: $0) == nil }) {
      throw Failure(
        "condition '\(unknown)' is not known; known: \(conditions.map(\.rawValue).joined(separator: ", "))")
    }
    if !json {
      print("\(recordings.count) trials; RMS over the movement in degrees, mean over trials")
      print(Self.header)
    }
    for condition in wanted {
      for (name, method) in methods {
        let scores: [TrackingBenchmark.Score]
        do { scores = try benchmark.scores(method, condition) } catch {
          throw Failure(String(describing: error))
        }
        if json {
          for score in scores { print(Self.jsonLine(score, name, condition)) }
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

  private static func jsonLine(
    _ score: TrackingBenchmark.Score, _ name: String, _ condition: TrackingBenchmark.Condition
  ) -> String {
    func object(_ score: OrientationScore) -> String {
      "{\"total\":\(score.total),\"heading\":\(score.heading),\"inclination\":\(score.inclination)}"
    }
    return
      "{\"trial\":\(PoseLine.quoted(score.trial)),\"method\":\(PoseLine.quoted(name)),\"condition\":\"\(condition.rawValue)\",\"9d\":\(object(score.withField)),\"6d\":\(object(score.withoutField))}"
  }
}
