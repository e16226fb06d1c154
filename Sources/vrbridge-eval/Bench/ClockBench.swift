import ArgumentParser
import CommandSupport
import Evaluation
import Foundation

struct ClockBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clock",
    abstract: "Measure errors of the mapping from device time to host time, on synthetic transports.",
    discussion: discussion(examples: "vrbridge bench clock"))

  func run() throws {
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
