import Foundation

/// Totals over the recordings of a speech benchmark.
package struct SpeechSummary {
  /// Median, 95th percentile and maximum, s; nil without a measurement.
  package struct Spread {
    package let p50: Double?
    package let p95: Double?
    package let maximum: Double?

    init(_ values: [Double]) {
      let sorted = values.sorted()
      func quantile(_ share: Double) -> Double? {
        sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
      }
      (p50, p95, maximum) = (quantile(0.5), quantile(0.95), sorted.last)
    }
  }

  package let scores: [SpeechBenchmark.Score]
  package let live: WordErrors
  package let whole: WordErrors
  /// Seconds of audio.
  package let seconds: Double
  /// Processor seconds per second of audio.
  package let liveLoad: Double
  package let wholeLoad: Double
  package let firstText: Spread
  package let final: Spread
  package let behind: Spread

  package init(_ scores: [SpeechBenchmark.Score]) {
    self.scores = scores
    live = scores.reduce(WordErrors()) { $0 + $1.live }
    whole = scores.reduce(WordErrors()) { $0 + $1.whole }
    seconds = scores.reduce(0) { $0 + $1.seconds }
    liveLoad = scores.reduce(0) { $0 + $1.liveCPU } / seconds
    wholeLoad = scores.reduce(0) { $0 + $1.wholeCPU } / seconds
    firstText = Spread(scores.compactMap(\.firstText))
    final = Spread(scores.compactMap(\.final))
    behind = Spread(scores.flatMap(\.behind))
  }

  /// Peak resident memory of this process, MB; nil where the system does not report it.
  package static var peakMemory: Double? {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { Double($0.filter(\.isNumber)) }.map { $0 / 1024 }
  }
}
