import CSherpaOnnx
import Evaluation
import Foundation
import Inference
import Microphones
import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing

@testable import Speech

@Suite(.enabled(if: Models.hear, "needs the models that 'make test' fetches"))
struct EngineTests {
  static func models() throws -> SpeechModels {
    SpeechModels(registry: TestHost.registry(), library: Models.speechRuntime)
  }

  /// Synthesises a sentence; espeak-ng is installed by `make setup-test`.
  static func speak(_ text: String) async throws -> [Int16] {
    let file = try TestPaths.temporaryFolder() + "/speech.wav"
    let result = try await Program.run("/usr/bin/espeak-ng", ["-v", "en-us", "-s", "150", "-w", file, text])
    #expect(result.code == 0, "\(result.output)")
    do throws(MicrophoneError) { return try SoundFile.read(file) } catch {
      Issue.record("\(error)")
      return []
    }
  }

  /// Returns the events of a transcriber for a sound.
  static func transcribe(_ samples: [Int16], settings: SegmentationSettings = SegmentationSettings()) throws
    -> [TranscriptEvent]
  {
    let models = try models()
    let events = Mutex<[TranscriptEvent]>([])
    let transcriber = Transcriber(
      settings: settings, detector: try models.detector(threshold: settings.voiceThreshold),
      recogniser: { () throws(SpeechError) in try models.recogniser() }, now: { 0 },
      report: { event in events.withLock { $0.append(event) } })
    for start in stride(from: 0, to: samples.count, by: 700) {
      let time = Timestamp(nanoseconds: Int64(start) * 62_500)
      transcriber.feed(
        AudioBlock(
          microphone: "m", samples: Array(samples[start..<min(start + 700, samples.count)]), captured: time,
          received: time))
    }
    transcriber.flush()
    transcriber.stop()
    return events.withLock { $0 }
  }

  static func finals(_ events: [TranscriptEvent]) -> [Transcript] {
    var texts: [UInt64: Transcript] = [:]
    for case .transcript(let transcript) in events where transcript.state == .final {
      texts[transcript.number] = transcript
    }
    return texts.values.sorted { $0.number < $1.number }
  }

  @Test func aSentenceIsTranscribed() async throws {
    let quiet = [Int16](repeating: 0, count: 16_000)
    let speech = try await Self.speak("start recording the red pump")
    let events = try Self.transcribe(quiet + speech + quiet + quiet)
    let finals = Self.finals(events)
    #expect(
      finals.map { TextNormaliser.words($0.text).joined(separator: " ") } == ["start recording the red pump"])
    let transcript = try #require(finals.first)
    #expect(transcript.start.nanoseconds > 800_000_000 && transcript.start.nanoseconds < 1_500_000_000)
    #expect(transcript.end.nanoseconds > transcript.start.nanoseconds + 1_000_000_000)
    #expect(transcript.confidence > 0.3 && transcript.source.model == "speech-recognition")
    #expect(!transcript.source.digest.isEmpty)
    #expect(events.contains { if case .closed = $0 { true } else { false } })
  }

  private static func noise(_ seconds: Double, _ make: (Double, Double) -> Double) -> [Int16] {
    var generator = SeededRandom(seed: 3)
    return (0..<Int(seconds * 16_000)).map { index in
      let random = generator.uniform() * 2 - 1
      return Int16(max(-32_000, min(32_000, make(Double(index) / 16_000, random) * 32_000)))
    }
  }

  /// Silence, noise, hum, clicks and chords contain no speech.
  @Test(arguments: ["silence", "white noise", "loud noise", "hum", "clicks", "chords", "sweep"])
  func soundWithoutSpeechGivesNoText(_ kind: String) throws {
    let samples = Self.noise(10) { time, random in
      switch kind {
      case "silence": return 0
      case "white noise": return 0.05 * random
      case "loud noise": return 0.6 * random
      case "hum": return 0.3 * sin(2 * .pi * 100 * time) + 0.1 * sin(2 * .pi * 200 * time)
      case "clicks": return time.truncatingRemainder(dividingBy: 0.5) < 0.004 ? 0.9 * random : 0
      case "sweep": return 0.4 * sin(2 * .pi * (200 + 150 * time) * time)
      default:
        // Three notes at a time, each half a second, with a decay, as of a toy piano.
        let step = Int(time * 2) % 4
        let root = [220.0, 174.6, 261.6, 196.0][step]
        let age = time.truncatingRemainder(dividingBy: 0.5)
        let wave = [1, 1.26, 1.5].reduce(0.0) {
          $0 + sin(2 * .pi * root * $1 * time) + 0.4 * sin(4 * .pi * root * $1 * time)
        }
        return 0.12 * wave * exp(-3 * age)
      }
    }
    let finals = Self.finals(try Self.transcribe(samples))
    #expect(finals.isEmpty, "\(finals.map(\.text))")
  }

  @Test func aMissingModelIsReportedWithItsRemedy() throws {
    let empty = ModelRegistry(folder: try TestPaths.temporaryFolder(), trusted: TrustedKeys([]))
    let models = SpeechModels(registry: empty, library: Models.speechRuntime)
    do throws(SpeechError) {
      _ = try models.recogniser()
      Issue.record("there is no model")
    } catch {
      #expect(error.description.contains("vrbridge models pull speech-recognition"))
      #expect(error.code == "speech-model-missing")
    }
  }

  @Test func anotherLibraryIsRejected() {
    var error = [CChar](repeating: 0, count: 512)
    #expect(csherpa_open("libc.so.6", &error, error.count) == nil)
    let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #expect(text.contains("SherpaOnnx"))
    #expect(csherpa_open("/nonexistent.so", &error, error.count) == nil)
  }

  /// On recordings with reference texts, segmentation adds at most half a percentage point of word errors.
  @Test(.enabled(if: TestPaths.corpus != nil, "needs VRBRIDGE_CORPUS"))
  func segmentationOfRecordedSpeechAddsFewErrors() throws {
    struct Entry: Decodable {
      var wav: String
      var text: String
      var group: String?
    }
    let folder = (TestPaths.corpus ?? "") + "/speech"
    let entries = try JSONDecoder().decode(
      [Entry].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/transcripts.json"))
    ).filter { $0.group == "libri-other" }
    let models = try Self.models()
    let recogniser = try models.recogniser()
    var live = WordErrors()
    var whole = WordErrors()
    var settings = SegmentationSettings()
    settings.emitsPartialResults = false
    for entry in entries {
      let samples = try SoundFile.read(folder + "/" + entry.wav)
      let reference = TextNormaliser.words(entry.text)
      let text = Self.finals(try Self.transcribe(samples, settings: settings)).map(\.text).joined(
        separator: " ")
      live = live + WordErrors(reference: reference, hypothesis: TextNormaliser.words(text))
      let uncut = try recogniser.recognise(samples.map { Float($0) / 32_768 })
      whole = whole + WordErrors(reference: reference, hypothesis: TextNormaliser.words(uncut.text))
    }
    #expect(live.words > 900 && whole.rate < 0.125)
    #expect(live.rate <= whole.rate + 0.005, "live \(live.rate), whole \(whole.rate)")
  }

  /// The structures passed to sherpa-onnx equal those of its header, which its wheel contains.
  @Test func layoutsEqualTheHeader() async throws {
    let folder = try TestPaths.temporaryFolder()
    let header = TestPaths.root + "/.build/sherpa-onnx-header"
    guard FileManager.default.fileExists(atPath: header + "/sherpa-onnx/c-api/c-api.h") else { return }
    let source = """
      #include <stddef.h>
      #include "sherpa-onnx/c-api/c-api.h"
      #include "sherpa_layout.h"
      #define SIZE(a, b) _Static_assert(sizeof(a) == sizeof(b), #a);
      #define PLACE(a, f, b, g) _Static_assert(offsetof(a, f) == offsetof(b, g), #f);
      SIZE(SherpaOnnxOfflineRecognizerConfig, sherpa_recogniser_config)
      SIZE(SherpaOnnxOfflineModelConfig, sherpa_model_config)
      SIZE(SherpaOnnxVadModelConfig, sherpa_vad_config)
      PLACE(SherpaOnnxOfflineRecognizerConfig, decoding_method, sherpa_recogniser_config, decoding_method)
      PLACE(SherpaOnnxOfflineModelConfig, tokens, sherpa_model_config, tokens)
      PLACE(SherpaOnnxOfflineModelConfig, provider, sherpa_model_config, provider)
      PLACE(SherpaOnnxOfflineModelConfig, whisper.task, sherpa_model_config, whisper.task)
      PLACE(SherpaOnnxOfflineModelConfig, sense_voice.model, sherpa_model_config, sense_voice.model)
      PLACE(SherpaOnnxOfflineModelConfig, moonshine.merged_decoder, sherpa_model_config, moonshine.merged_decoder)
      PLACE(SherpaOnnxOfflineModelConfig, zipformer_ctc.model, sherpa_model_config, zipformer_ctc)
      PLACE(SherpaOnnxOfflineRecognizerResult, timestamps, sherpa_result, timestamps)
      PLACE(SherpaOnnxOfflineRecognizerResult, tokens_arr, sherpa_result, token_texts)
      PLACE(SherpaOnnxOfflineRecognizerResult, ys_log_probs, sherpa_result, log_probabilities)
      """
    try source.write(toFile: folder + "/layout.c", atomically: true, encoding: .utf8)
    let result = try await Program.run(
      "/usr/bin/cc",
      [
        "-fsyntax-only", "-I", header, "-I", TestPaths.root + "/Sources/CSherpaOnnx/include",
        folder + "/layout.c",
      ])
    #expect(result.code == 0, "\(result.output)")
  }
}

@Suite struct SampleRingTests {
  @Test func samplesKeepTheirTimes() {
    var ring = SampleRing()
    for block in 0..<100 {
      ring.append(
        [Int16](repeating: Int16(block), count: 1600), at: Timestamp(nanoseconds: Int64(block) * 100_000_000))
    }
    #expect(ring.time(1600 * 5 + 160).nanoseconds == 510_000_000)
    ring.drop(before: 1600 * 50)
    let sample: Float = 50.0 / 32_768
    #expect(ring.slice(1600 * 50, 1600 * 50 + 2) == [sample, sample])
    #expect(ring.slice(0, 10).isEmpty && ring.end == 160_000)
    #expect(ring.time(1600 * 60).nanoseconds == 6_000_000_000)
  }
}
