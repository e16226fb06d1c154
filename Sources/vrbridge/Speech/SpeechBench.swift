import ArgumentParser
import CLinux
import Evaluation
import Foundation
import Glibc
import Microphones
import Sensing
import Spatial
import Speech

struct SpeechBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "speech",
    abstract: "Word errors and delays on recordings with known text, heard live.",
    discussion: """
      FOLDER holds transcripts.json, a list of {"id", "wav", "text"} with paths of WAV files in it. Each file is heard \
      as a microphone would give it, in real time, with a second of silence after it. Words are compared as sclite \
      and jiwer do, in small letters, without punctuation and hesitations, with contractions and numbers spelt out.
      """)

  @Option(help: ArgumentHelp("Recordings.", valueName: "folder"))
  var data: String

  @Option(help: "Only files of this group.")
  var group: String?

  @Option(help: "At most so many files.")
  var limit: Int?

  @Option(help: "Noise added, as the ratio of speech to noise in dB.")
  var noise: Double?

  @Option(help: "Of which colour: pink or white.")
  var colour: ColouredNoise.Colour = .pink

  @Option(help: "Seconds of silence after which text is final.")
  var pause: Double?

  @Flag(help: "As fast as it goes: word errors only.")
  var unpaced = false

  @Flag(help: "JSON: one object.")
  var json = false

  @OptionGroup var options: ModelOptions

  private struct Entry: Decodable {
    var id: String
    var wav: String
    var text: String
    var group: String?
  }

  /// What came of one file.
  private struct Score {
    var id: String
    var seconds: Double
    var live: WordErrors
    var whole: WordErrors
    var text: String
    var liveCPU: Double
    var wholeCPU: Double
    /// Seconds; nil where there was none.
    var firstText: Double?
    var final: Double?
    var behind: [Double]
  }

  func run() throws {
    let file = data + "/transcripts.json"
    guard let contents = FileManager.default.contents(atPath: file) else {
      throw Failure("\(file) can't be read")
    }
    var entries: [Entry]
    do { entries = try JSONDecoder().decode([Entry].self, from: contents) } catch {
      throw Failure("\(file) is no list of {\"id\", \"wav\", \"text\"}: \(error)")
    }
    if let group { entries = entries.filter { $0.group == group } }
    if let limit { entries = Array(entries.prefix(limit)) }
    guard !entries.isEmpty else { throw Failure("\(file) names no files") }
    let (models, settings) = try SpeechSetup.models(options)
    var scores: [Score] = []
    for entry in entries {
      let score = try measure(entry, models, settings)
      scores.append(score)
      if !json {
        print(
          "\(Terminal.pad(entry.id, 24)) \(Terminal.number(score.live.rate * 100, 1)) %  \(score.text.prefix(90))"
        )
      }
    }
    report(scores)
  }

  private func measure(_ entry: Entry, _ models: SpeechModels, _ configured: SegmentationSettings) throws
    -> Score
  {
    var samples: [Int16]
    do throws(MicrophoneFault) { samples = try SoundFile.read(data + "/" + entry.wav) } catch {
      throw Failure(error.description)
    }
    let length = samples.count
    // A second of what the microphone hears when nobody speaks.
    var heard = samples + [Int16](repeating: 0, count: AudioBlock.rate)
    if let noise {
      heard = withNoise(heard, power: Self.power(samples), ratio: noise)
      samples = Array(heard.prefix(length))
    }
    let reference = TextNormaliser.words(entry.text)
    let recogniser: any SpeechRecogniser
    let whole: Recognition
    let wholeCPU: Double
    do throws(SpeechFault) {
      recogniser = try models.recogniser()
      let before = Self.processorTime()
      whole = try recogniser.recognise(samples.map { Float($0) / 32_768 })
      wholeCPU = Self.processorTime() - before
    } catch { throw Failure(error.description) }
    var settings = configured
    if let pause { settings.secondPause = pause }
    let voiced = try voice(samples, models)
    let detector = try SpeechSetup.detector(models, settings)
    let before = Self.processorTime()
    let run = try SpeechSetup.run(
      heard, models: models, detector: detector, settings: settings, isPaced: !unpaced)
    let liveCPU = Self.processorTime() - before
    if let failure = run.failure { throw Failure(failure) }
    let text = run.finals.map(\.text).joined(separator: " ")
    var score = Score(
      id: entry.id, seconds: Double(samples.count) / Double(AudioBlock.rate),
      live: WordErrors(reference: reference, hypothesis: TextNormaliser.words(text)),
      whole: WordErrors(reference: reference, hypothesis: TextNormaliser.words(whole.text)), text: text,
      liveCPU: liveCPU, wholeCPU: wholeCPU, behind: [])
    guard let onset = voiced.first?.lowerBound, let end = voiced.last?.upperBound, !unpaced else {
      return score
    }
    func since(_ seconds: Double, _ at: Int64) -> Double {
      Timestamp(nanoseconds: at).seconds(since: run.origin) - seconds
    }
    var told: Timestamp?
    for (event, at) in run.events {
      guard case .transcript(let transcript) = event else { continue }
      if score.firstText == nil { score.firstText = since(onset, at) }
      // Voice that a reader knows nothing of, at its most: just before the next text.
      if let told, since(0, at) < end {
        let unknown = told.seconds(since: run.origin)...max(told.seconds(since: run.origin), since(0, at))
        score.behind.append(voiced.reduce(0) { $0 + $1.clamped(to: unknown).length })
      }
      told = transcript.end
      if transcript.state == .final { score.final = since(end, at) }
    }
    return score
  }

  /// Where there is a voice, by the detector, in seconds of the file.
  private func voice(_ samples: [Int16], _ models: SpeechModels) throws -> [ClosedRange<Double>] {
    // Delays are told against the same voice, whatever is configured.
    let detector = try SpeechSetup.detector(models, SegmentationSettings())
    let size = VoiceDetector.window
    let rate = Double(AudioBlock.rate)
    let padded = samples.map { Float($0) / 32_768 } + [Float](repeating: 0, count: AudioBlock.rate)
    var ranges: [ClosedRange<Double>] = []
    var begin: Double?
    for start in stride(from: 0, to: padded.count - size, by: size) {
      let isVoice = detector.isVoice(Array(padded[start..<start + size]))
      let time = Double(start) / rate
      if isVoice, begin == nil {
        // It says so two windows late.
        begin = max(0, time - 2 * Double(size) / rate)
      } else if !isVoice, let first = begin {
        ranges.append(first...max(first, time - VoiceDetector.silence))
        begin = nil
      }
    }
    return ranges
  }

  private static func power(_ samples: [Int16]) -> Double {
    samples.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(1, samples.count))
  }

  private func withNoise(_ samples: [Int16], power: Double, ratio: Double) -> [Int16] {
    let deviation = (power / pow(10, ratio / 10)).squareRoot()
    var noise = ColouredNoise(colour, seed: 1)
    return samples.map { sample in
      Int16(max(-32_768, min(32_767, (Double(sample) + noise.next() * deviation).rounded())))
    }
  }

  private static func processorTime() -> Double { Double(clock()) / 1e6 }

  /// Most memory so far, MB.
  private static var peakMemory: Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { Double($0.filter(\.isNumber)) }.map { $0 / 1024 } ?? .nan
  }

  private static func quantile(_ values: [Double], _ q: Double) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * q))]
  }

  private func report(_ scores: [Score]) {
    let live = scores.reduce(WordErrors()) { $0 + $1.live }
    let whole = scores.reduce(WordErrors()) { $0 + $1.whole }
    let seconds = scores.reduce(0) { $0 + $1.seconds }
    let liveCPU = scores.reduce(0) { $0 + $1.liveCPU } / seconds
    let wholeCPU = scores.reduce(0) { $0 + $1.wholeCPU } / seconds
    let first = scores.compactMap(\.firstText)
    let final = scores.compactMap(\.final)
    let behind = scores.flatMap(\.behind)
    let memory = Self.peakMemory
    if json {
      func text(_ value: Double) -> String { value.isFinite ? Terminal.number(value, 4) : "null" }
      let files = scores.map { score in
        "{\"id\":\(PoseLine.quoted(score.id)),\"wer\":\(text(score.live.rate)),\"wer_whole\":\(text(score.whole.rate)),"
          + "\"words\":\(score.live.words),\"errors\":\(score.live.errors),\"seconds\":\(text(score.seconds)),"
          + "\"first_text_s\":\(text(score.firstText ?? .nan)),\"final_s\":\(text(score.final ?? .nan)),"
          + "\"text\":\(PoseLine.quoted(score.text))}"
      }
      print(
        "{\"wer\":\(text(live.rate)),\"wer_whole\":\(text(whole.rate)),\"rtf\":\(text(liveCPU)),\"rtf_whole\":\(text(wholeCPU)),"
          + "\"seconds\":\(text(seconds)),\"words\":\(live.words),"
          + "\"first_text_s\":{\"p50\":\(text(Self.quantile(first, 0.5))),\"p95\":\(text(Self.quantile(first, 0.95)))},"
          + "\"behind_s\":{\"p50\":\(text(Self.quantile(behind, 0.5))),\"p95\":\(text(Self.quantile(behind, 0.95)))},"
          + "\"final_s\":{\"p50\":\(text(Self.quantile(final, 0.5))),\"p95\":\(text(Self.quantile(final, 0.95)))},"
          + "\"memory_mb\":\(text(memory)),\"files\":[\(files.joined(separator: ","))]}")
      return
    }
    func errors(_ e: WordErrors) -> String {
      "\(Terminal.number(e.rate * 100, 2)) %  (\(e.substitutions) other, \(e.deletions) missing, \(e.insertions) added, of \(e.words))"
    }
    print("")
    print("\(scores.count) files, \(Terminal.number(seconds / 60, 1)) minutes")
    print("word errors, live           \(errors(live))")
    print("word errors, whole file     \(errors(whole))")
    print(
      "processor per second        live \(Terminal.number(liveCPU, 4)) s, whole file \(Terminal.number(wholeCPU, 4)) s"
    )
    if !unpaced {
      for (name, values) in [
        ("first text after onset", first), ("behind while speaking", behind), ("final after end", final),
      ] {
        let line = [0.5, 0.95, 1].map { "\(Terminal.number(Self.quantile(values, $0) * 1000, 0))" }
        print("\(Terminal.pad(name, 27)) p50 \(line[0]) ms, p95 \(line[1]) ms, most \(line[2]) ms")
      }
    }
    print("memory, at most             \(Terminal.number(memory, 0)) MB")
  }
}

extension ClosedRange<Double> {
  fileprivate var length: Double { upperBound - lowerBound }
}

extension ColouredNoise.Colour: ExpressibleByArgument {}
