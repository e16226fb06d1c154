import ArgumentParser
import CommandSupport
import Dialogue
import Evaluation
import Foundation
import Speech

struct WakeBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wake",
    abstract: "Count false alarms and misses of a wake word or a wake phrase.",
    discussion: discussion(
      """
      Counts detections in recordings without the phrase, and misses in recordings that begin with it. \
      Benchmarks/say.sh makes recordings of a phrase with the voices of espeak-ng.
      """,
      examples: "vrbridge bench wake --data talk --said phrase",
      "vrbridge bench wake --model wake-alexa --data talk"))

  @Option(
    help: ArgumentHelp(
      "Use this wake word model of the registry (default: the phrase in transcribed text).", valueName: "name"
    ), completion: .model)
  var model: String?

  @Option(help: "Detect this phrase at the start of transcribed text, without --model.")
  var phrase = "hey bridge"

  @Option(help: "Count detections from this confidence, 0 to 1.")
  var threshold = 0.5

  @Option(
    help: ArgumentHelp("Read recordings without the phrase from this folder.", valueName: "folder"),
    completion: .directory)
  var data: String

  @Option(
    help: ArgumentHelp(
      "Read recordings that begin with the phrase from this folder (default: none).", valueName: "folder"),
    completion: .directory)
  var said: String?

  @OptionGroup var options: ModelOptions

  func run() async throws {
    let benchmark = WakeBenchmark(try detector())
    let alarms = try await benchmark.falseAlarms(in: data)
    for (file, _) in alarms.files { print("false alarm: \(file)") }
    let hours = alarms.seconds / 3600
    print(
      "false alarms       \(alarms.count) in \(Terminal.number(hours * 60, 1)) minutes: \(Terminal.number(Double(alarms.count) / hours, 1)) an hour"
    )
    print("processor          \(Terminal.number(alarms.load * 100, 2)) % of a core")
    guard let said else { return }
    let (files, missed) = try await benchmark.misses(in: said)
    print("missed             \(missed.count) of \(files.count)")
    for file in missed { print("  \((file as NSString).lastPathComponent)") }
  }

  private func detector() throws -> WakeBenchmark.Detector {
    if let model {
      return .model(WakeWordStream(host: try options.host(), name: model), threshold: threshold)
    }
    let (models, settings) = try SpeechSetup.models(options)
    return .phrase(WakePhrase(phrase), models, settings)
  }
}
