import CLinux
import Diagnostics
import Foundation
import Microphones
import Sensing
import Spatial
import Speech

/// Measures word errors and delays of speech recognition on recordings with known text.
package struct SpeechBenchmark {
  /// A recording of `transcripts.json`.
  package struct Entry: Decodable {
    package var id: String
    /// Path within the folder.
    package var wav: String
    package var text: String
    package var group: String?
  }

  /// Results of one recording; times in seconds, nil without a measurement.
  package struct Score {
    package var id: String
    package var seconds: Double
    /// Errors when the recording arrives as from a microphone.
    package var live: WordErrors
    /// Errors when the recording is recognised in one piece.
    package var whole: WordErrors
    package var text: String
    /// Processor time.
    package var liveCPU: Double
    package var wholeCPU: Double
    /// From the onset of voice to the first text.
    package var firstText: Double?
    /// From the end of voice to the final text.
    package var final: Double?
    /// Voice without text, just before each new text.
    package var behind: [Double]
  }

  package var folder: String
  package var models: SpeechModels
  package var settings: SegmentationSettings
  /// Ratio of speech to added noise in dB; nil for no noise.
  package var noise: Double?
  package var colour = ColouredNoise.Colour.pink
  /// Whether audio arrives at the rate of speech; delays are measured only then.
  package var isPaced = true

  package init(folder: String, models: SpeechModels, settings: SegmentationSettings) {
    self.folder = folder
    self.models = models
    self.settings = settings
  }

  /// Reads `transcripts.json` of the folder.
  package func entries() throws -> [Entry] {
    let file = folder + "/transcripts.json"
    guard let contents = FileManager.default.contents(atPath: file) else {
      throw EvaluationError("file-unreadable", "\(file) can't be read (\(readingProblem(file)))")
    }
    do { return try JSONDecoder().decode([Entry].self, from: contents) } catch {
      throw EvaluationError(
        "data-set-invalid", "\(file) is no list of {\"id\", \"wav\", \"text\"}: \(error.reason)")
    }
  }

  package func measure(_ entry: Entry) throws -> Score {
    var samples = try SoundFile.read(folder + "/" + entry.wav)
    let length = samples.count
    // The second of silence after speech, which ends the last utterance.
    var heard = samples + [Int16](repeating: 0, count: AudioBlock.rate)
    if let noise {
      heard = withNoise(heard, power: Self.power(samples), ratio: noise)
      samples = Array(heard.prefix(length))
    }
    let reference = TextNormaliser.words(entry.text)
    let recogniser = try models.recogniser()
    let wholeBegin = Self.processorTime()
    let whole = try recogniser.recognise(samples.map { Float($0) / 32_768 })
    let wholeCPU = Self.processorTime() - wholeBegin
    let voiced = try voice(samples)
    let detector = try models.detector(threshold: settings.voiceThreshold)
    let begin = Self.processorTime()
    let run = try RecordedSpeech(
      heard, models: models, detector: detector, settings: settings, isPaced: isPaced, now: linux_monotonic_ns
    )
    let liveCPU = Self.processorTime() - begin
    if let failure = run.failure { throw EvaluationError("recognition-failed", failure) }
    let text = run.finals.map(\.text).joined(separator: " ")
    var score = Score(
      id: entry.id, seconds: Double(samples.count) / Double(AudioBlock.rate),
      live: WordErrors(reference: reference, hypothesis: TextNormaliser.words(text)),
      whole: WordErrors(reference: reference, hypothesis: TextNormaliser.words(whole.text)), text: text,
      liveCPU: liveCPU, wholeCPU: wholeCPU, behind: [])
    if isPaced { Self.addDelays(of: run, voiced, to: &score) }
    return score
  }

  private static func addDelays(
    of run: RecordedSpeech, _ voiced: [ClosedRange<Double>], to score: inout Score
  ) {
    guard let onset = voiced.first?.lowerBound, let end = voiced.last?.upperBound else { return }
    func since(_ seconds: Double, _ at: Int64) -> Double {
      Timestamp(nanoseconds: at).seconds(since: run.origin) - seconds
    }
    var transcribed: Timestamp?
    for (event, at) in run.events {
      guard case .transcript(let transcript) = event else { continue }
      if score.firstText == nil { score.firstText = since(onset, at) }
      // The backlog of voice is largest just before the next text.
      if let transcribed, since(0, at) < end {
        let start = transcribed.seconds(since: run.origin)
        let unknown = start...max(start, since(0, at))
        score.behind.append(voiced.reduce(0) { $0 + $1.clamped(to: unknown).length })
      }
      transcribed = transcript.end
      if transcript.state == .final { score.final = since(end, at) }
    }
  }

  /// Returns the spans with voice, in seconds of the recording.
  private func voice(_ samples: [Int16]) throws -> [ClosedRange<Double>] {
    // Default settings: delays of all configurations refer to the same voice.
    let detector = try models.detector(threshold: SegmentationSettings().voiceThreshold)
    let size = VoiceDetector.window
    let rate = Double(AudioBlock.rate)
    let padded = samples.map { Float($0) / 32_768 } + [Float](repeating: 0, count: AudioBlock.rate)
    var ranges: [ClosedRange<Double>] = []
    var begin: Double?
    for start in stride(from: 0, to: padded.count - size, by: size) {
      let isVoice = detector.isVoice(Array(padded[start..<start + size]))
      let time = Double(start) / rate
      if isVoice, begin == nil {
        // The detector reports voice two windows late.
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

  /// Seconds of processor time of this process.
  static func processorTime() -> Double { Double(clock()) / 1e6 }
}

extension ClosedRange<Double> {
  fileprivate var length: Double { upperBound - lowerBound }
}
