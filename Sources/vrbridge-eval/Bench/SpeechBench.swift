import ArgumentParser
import CommandSupport
import Evaluation
import Speech

struct SpeechBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "speech",
    abstract: "Measure word errors and delays of speech recognition on recordings with known text.",
    discussion: discussion(
      """
      FOLDER holds transcripts.json, a list of {"id", "wav", "text"} with paths of WAV files in FOLDER. Each file is \
      fed as from a microphone, in real time, followed by a second of silence. Words are compared as sclite and jiwer \
      do: in lower case, without punctuation and hesitations, with contractions and numbers spelt out.
      """,
      examples: "vrbridge bench speech --data recordings --noise 10"))

  @Option(
    help: ArgumentHelp("Read recordings from this folder.", valueName: "folder"), completion: .directory)
  var data: String

  @Option(help: ArgumentHelp("Use only recordings of this group (default: all).", valueName: "name"))
  var group: String?

  @Option(help: ArgumentHelp("Use at most this many recordings (default: all).", valueName: "count"))
  var limit: Int?

  @Option(
    help: ArgumentHelp("Add noise at this ratio of speech to noise, in dB (default: none).", valueName: "dB"))
  var noise: Double?

  @Option(help: "Colour the noise: pink or white.")
  var colour: ColouredNoise.Colour = .pink

  @Option(
    help: ArgumentHelp(
      "End an utterance after this silence, in seconds (default: 'speech: final_ms', in ms).",
      valueName: "seconds"))
  var pause: Double?

  @Flag(help: "Feed audio as fast as it is processed and measure word errors only.")
  var unpaced = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var options: ModelOptions

  func run() throws {
    var (models, settings) = try SpeechSetup.models(options)
    if let pause { settings.secondPause = pause }
    var benchmark = SpeechBenchmark(folder: data, models: models, settings: settings)
    benchmark.noise = noise
    benchmark.colour = colour
    benchmark.isPaced = !unpaced
    var entries = try benchmark.entries()
    if let group { entries = entries.filter { $0.group == group } }
    if let limit { entries = Array(entries.prefix(limit)) }
    guard !entries.isEmpty else {
      throw CommandError("data-set-empty", "\(data)/transcripts.json lists no matching recordings")
    }
    var scores: [SpeechBenchmark.Score] = []
    for entry in entries {
      let score = try benchmark.measure(entry)
      scores.append(score)
      if !json {
        print(
          "\(Terminal.pad(entry.id, 24)) \(Terminal.number(score.live.rate * 100, 1)) %  \(score.text.prefix(90))"
        )
      }
    }
    let summary = SpeechSummary(scores)
    if json { print(JSONLine.text(SpeechReport(summary))) } else { report(summary) }
  }

  private func report(_ summary: SpeechSummary) {
    func errors(_ e: WordErrors) -> String {
      "\(Terminal.number(e.rate * 100, 2)) %  (\(e.substitutions) substituted, \(e.deletions) missing, \(e.insertions) added, of \(e.words))"
    }
    print("")
    print("\(summary.scores.count) files, \(Terminal.number(summary.seconds / 60, 1)) minutes")
    print("word errors, live           \(errors(summary.live))")
    print("word errors, whole file     \(errors(summary.whole))")
    print(
      "processor per second        live \(Terminal.number(summary.liveLoad, 4)) s, whole file \(Terminal.number(summary.wholeLoad, 4)) s"
    )
    if !unpaced {
      for (name, spread) in [
        ("first text after onset", summary.firstText), ("behind while speaking", summary.behind),
        ("final after end", summary.final),
      ] {
        let cells = [spread.p50, spread.p95, spread.maximum].map {
          Terminal.number(($0 ?? .nan) * 1000, 0)
        }
        print("\(Terminal.pad(name, 27)) p50 \(cells[0]) ms, p95 \(cells[1]) ms, maximum \(cells[2]) ms")
      }
    }
    print("peak memory                 \(Terminal.number(SpeechSummary.peakMemory ?? .nan, 0)) MB")
  }
}

/// The JSON object of `bench speech --json`; times in seconds.
private struct SpeechReport: Encodable {
  struct Spread: Encodable {
    var p50: Double?
    var p95: Double?

    init(_ spread: SpeechSummary.Spread) { (p50, p95) = (spread.p50, spread.p95) }
  }
  struct File: Encodable {
    var id: String
    var wer: Double?
    var werWhole: Double?
    var words: Int
    var errors: Int
    var seconds: Double
    var firstTextS: Double?
    var finalS: Double?
    var text: String
  }
  var wer: Double?
  var werWhole: Double?
  var rtf: Double?
  var rtfWhole: Double?
  var seconds: Double
  var words: Int
  var firstTextS: Spread
  var behindS: Spread
  var finalS: Spread
  var memoryMb: Double?
  var files: [File]

  init(_ summary: SpeechSummary) {
    wer = summary.live.rate.finite
    werWhole = summary.whole.rate.finite
    rtf = summary.liveLoad.finite
    rtfWhole = summary.wholeLoad.finite
    seconds = summary.seconds
    words = summary.live.words
    firstTextS = Spread(summary.firstText)
    behindS = Spread(summary.behind)
    finalS = Spread(summary.final)
    memoryMb = SpeechSummary.peakMemory
    files = summary.scores.map {
      File(
        id: $0.id, wer: $0.live.rate.finite, werWhole: $0.whole.rate.finite, words: $0.live.words,
        errors: $0.live.errors, seconds: $0.seconds, firstTextS: $0.firstText, finalS: $0.final, text: $0.text
      )
    }
  }
}

extension ColouredNoise.Colour: ExpressibleByArgument {}
