import ArgumentParser
import CommandSupport
import Evaluation
import Foundation

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure accuracy on recordings with ground truth, and latency on this machine.",
    discussion: discussion(
      examples: "vrbridge bench --latency --seconds 30", "vrbridge bench clock",
      "vrbridge bench tracking --data broad"),
    subcommands: [
      TrackingBench.self, PositionBench.self, PredictionBench.self, ClockBench.self, SpeechBench.self,
      WakeBench.self,
    ])

  @Flag(help: "Measure the latency of each stage between devices and a renderer, through the running bridge.")
  var latency = false

  @Option(help: .socket, completion: .file())
  var socket: String?

  @Option(help: "Measure for this many seconds with --latency, 0.1 to 3600.")
  var seconds = 10.0

  func validate() throws {
    guard (0.1...3600).contains(seconds) else { throw ValidationError("--seconds must lie in 0.1 to 3600") }
  }

  func run() async throws {
    guard latency else { throw CleanExit.helpRequest(self) }
    let result = try LatencyMeasurement(socket: socket, seconds: seconds)
    print("\(result.server), \(seconds) s; milliseconds\n")
    print(Self.row("POSES", ["p50", "p95", "p99", "max"], count: "n"))
    for (device, stages) in result.poses { Self.show(device, stages) }
    guard !result.annotations.isEmpty else {
      print("\nNo annotations were received: 'vrbridge run --perception …' makes them.")
      return
    }
    print("\n" + Self.row("ANNOTATIONS", ["p50", "p95", "p99", "max"], count: "n"))
    for (kind, stages) in result.annotations { Self.show(kind, stages) }
  }

  private static func row(_ name: String, _ columns: [String], count: String) -> String {
    Terminal.pad(name, 52) + columns.map { Terminal.padLeft($0, 9) }.joined() + Terminal.padLeft(count, 9)
  }

  private static func show(_ title: String, _ stages: [LatencyMeasurement.Stage]) {
    print(title)
    for stage in stages {
      let sorted = stage.times.sorted()
      var columns = ["–", "–", "–", "–"]
      if let maximum = sorted.last {
        columns = [0.5, 0.95, 0.99].map { share in
          Terminal.number(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))], 3)
        }
        columns.append(Terminal.number(maximum, 3))
      }
      print(row("  " + stage.name, columns, count: String(sorted.count)))
    }
  }
}

/// Returns the arithmetic mean; 0 of no values.
func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
