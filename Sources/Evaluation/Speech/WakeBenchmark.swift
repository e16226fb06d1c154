import CLinux
import Dialogue
import Foundation
import Inference
import Microphones
import Sensing
import Speech

/// Counts false alarms and misses of a wake word's model, or of a wake phrase at the start of transcribed text.
package struct WakeBenchmark {
  /// What detects the wake word.
  package enum Detector {
    /// A model of the registry, with the confidence from which a detection counts (0 to 1).
    case model(WakeWordStream, threshold: Double)
    case phrase(WakePhrase, SpeechModels, SegmentationSettings)
  }

  package struct FalseAlarms {
    package var seconds = 0.0
    /// File → number of detections; files without one are left out.
    package var files: [(file: String, count: Int)] = []
    /// Processor seconds per second of audio.
    package var load = 0.0

    package var count: Int { files.reduce(0) { $0 + $1.count } }
  }

  /// A second detection within this time (s) belongs to the first.
  private static let refractory = 2.0

  private let detector: Detector

  package init(_ detector: Detector) { self.detector = detector }

  /// Counts detections in recordings without the phrase.
  package func falseAlarms(in folder: String) async throws -> FalseAlarms {
    var result = FalseAlarms()
    let begin = SpeechBenchmark.processorTime()
    for file in try Self.recordings(folder) {
      let samples = try SoundFile.read(file)
      result.seconds += Double(samples.count) / Double(AudioBlock.rate)
      let count = try await detections(samples)
      if count > 0 { result.files.append((file, count)) }
    }
    result.load = (SpeechBenchmark.processorTime() - begin) / max(result.seconds, 1)
    return result
  }

  /// Returns the recordings that begin with the phrase, and those of them without a detection.
  package func misses(in folder: String) async throws -> (files: [String], missed: [String]) {
    let files = try Self.recordings(folder)
    var missed: [String] = []
    for file in files where try await detections(try SoundFile.read(file)) == 0 { missed.append(file) }
    return (files, missed)
  }

  private func detections(_ samples: [Int16]) async throws -> Int {
    switch detector {
    case .model(let stream, let threshold): return try await count(samples, stream, threshold)
    case .phrase(let phrase, let models, let settings):
      let run = try RecordedSpeech(
        samples, models: models, detector: try models.detector(threshold: settings.voiceThreshold),
        settings: settings, isPaced: false, now: linux_monotonic_ns)
      if let failure = run.failure { throw EvaluationError("recognition-failed", failure) }
      var found: Set<UInt64> = []
      for case .transcript(let transcript) in run.events.map(\.event)
      where phrase.rest(of: transcript.text) != nil {
        found.insert(transcript.number)
      }
      return found.count
    }
  }

  private func count(_ samples: [Int16], _ stream: WakeWordStream, _ threshold: Double) async throws -> Int {
    var stream = stream
    let quiet = [Float](repeating: 0, count: 2 * AudioBlock.rate)
    let sound = quiet + samples.map { Float($0) / 32_768 } + quiet.prefix(AudioBlock.rate)
    var count = 0
    var last = -Double.infinity
    for start in stride(from: 0, through: sound.count - WakeWordStream.step, by: WakeWordStream.step) {
      let score = try await stream.add(Array(sound[start..<start + WakeWordStream.step]))
      let time = Double(start) / Double(AudioBlock.rate)
      guard let score, score.confidence >= threshold, time - last > Self.refractory else { continue }
      last = time
      count += 1
    }
    return count
  }

  private static func recordings(_ folder: String) throws -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let files = names.filter { $0.hasSuffix(".wav") }.sorted().map { folder + "/" + $0 }
    guard !files.isEmpty else { throw EvaluationError("data-set-empty", "\(folder) holds no WAV files") }
    return files
  }
}
