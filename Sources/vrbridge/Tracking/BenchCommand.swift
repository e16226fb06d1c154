import ArgumentParser
import Evaluation
import Foundation
import Tracking

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure accuracy on recordings with known truth, and latency on this machine.",
    subcommands: [
      TrackingBench.self, PositionBench.self, PredictionBench.self, ClockBench.self, SpeechBench.self,
      WakeBench.self,
    ])

  @Flag(help: "Measure where the time goes between devices and a renderer, through the bridge that runs.")
  var latency = false

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  @Option(help: "How long to measure for --latency.")
  var seconds = 10.0

  func validate() throws {
    guard (0.1...3600).contains(seconds) else { throw ValidationError("--seconds must lie in 0.1 to 3600") }
  }

  func run() async throws {
    guard latency else { throw CleanExit.helpRequest(self) }
    try LatencyBench(socket: socket, seconds: seconds).run()
  }
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

/// The trials of a folder, or why there are none.
private func trials(in folder: String) throws -> [OpticalTrial] {
  do { return try OpticalTrial.read(folder: folder) } catch { throw Failure(String(describing: error)) }
}

private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

struct PositionBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "position",
    abstract: "Position and attitude errors of inertial samples with late, noisy camera poses.",
    discussion: """
      Camera poses are made from the optical truth of the trials. Errors are root mean squares over the movement, \
      at the newest sample and 20 ms ahead, averaged over trials. "As shown" is what a bridge that is told them gives a \
      renderer: no corrections at a stroke, and its own prediction. NEES is the squared error over what the covariance \
      says, for each component: 1 is honest.
      """)

  @Option(help: ArgumentHelp("Trials in the layout of BROAD.", valueName: "folder"))
  var data: String

  @Flag(name: .customLong("trials"), help: "Each trial too.")
  var each = false

  func run() async throws {
    let recordings = try trials(in: data)
    print(
      Terminal.pad("\(recordings.count) trials", 40)
        + "  mm now   deg now  mm +20ms  deg +20ms  NEES pos.  NEES att.")
    for cameras in PositionBenchmark.Cameras.cases {
      for (name, scores) in [
        (cameras.name, recordings.map { PositionBenchmark(trial: $0).score(cameras) }),
        ("  as shown", recordings.map { PositionBenchmark(trial: $0).scoreShown(cameras) }),
      ] {
        print(Self.row(name, scores))
        if each {
          for (trial, score) in zip(recordings, scores) { print(Self.row("    " + trial.name, [score])) }
        }
      }
    }
    let floor = mean(recordings.map { PositionBenchmark(trial: $0).truthNoise() }) * 180 / .pi
    print(String(format: "The truth's own attitude noise is %.3f deg.", floor))
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

struct PredictionBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prediction",
    abstract: "Errors of predicted orientations, against constant angular velocity.",
    discussion: "From the gyroscope and the optical truth of trials (--data), or from poses alone (--poses).")

  @Option(help: ArgumentHelp("Trials in the layout of BROAD.", valueName: "folder"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Poses with the columns t_s, qx, qy, qz, qw; may be given more than once.", valueName: "file.csv"))
  var poses: [String] = []

  func run() async throws {
    guard data != nil || !poses.isEmpty else { throw Failure("--data FOLDER or --poses FILE.csv is needed") }
    print("degrees: RMS (99th percentile), mean over recordings; in brackets constant angular velocity")
    if let data {
      try Self.show("gyroscope, \(data)", try trials(in: data).map { PredictionBenchmark($0).scores() })
    }
    guard !poses.isEmpty else { return }
    do {
      let scores = try poses.map { try PredictionBenchmark(NumericTable.read(path: $0)).scores() }
      try Self.show("\(poses.count) files of poses", scores)
    } catch let error as TableError { throw Failure(error.description) }
  }

  private static func show(_ name: String, _ scores: [[PredictionBenchmark.Score]]) throws {
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

struct ClockBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clock",
    abstract: "Errors of the mapping from device time to host time, on synthetic transports.")

  func run() async throws {
    print(Terminal.pad("microseconds, five seeds", 36) + "    mean       p99   p99 of arrival")
    for clockCase in ClockBenchmark.Case.all {
      let scores = (1...5).map { ClockBenchmark.score(clockCase, seed: UInt64($0)) }
      print(
        Terminal.pad(clockCase.name, 36)
          + String(
            format: "%8.2f  %8.2f  %15.0f", mean(scores.map(\.mean)), mean(scores.map(\.p99)),
            mean(scores.map(\.arrivalP99))))
    }
  }
}
