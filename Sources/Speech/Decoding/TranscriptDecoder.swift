import Diagnostics
import Glibc
import Sensing
import Spatial

/// Decodes the jobs of a queue one after the other, and reports transcripts. Runs on a thread of its own.
struct TranscriptDecoder {
  /// The decoded text of an utterance up to a pause.
  private struct Result {
    var recognition: Recognition
    var source: RecogniserIdentity
    var start: Timestamp
    var end: Timestamp
    var position: Int
    /// Seconds of sound.
    var length: Double
    var level: Double?
    var decoding: Double
    var waiting: Double
  }

  private let emitsPartialResults: Bool
  private let recogniser: @Sendable () throws(SpeechError) -> any SpeechRecogniser
  private let now: @Sendable () -> Int64
  private let report: @Sendable (TranscriptEvent) -> Void
  private var partials: [UInt64: PartialText] = [:]
  private var results: [UInt64: Result] = [:]

  /// Confidence of a partial text whose recogniser states none.
  private static let partialConfidence = 0.5

  init(
    emitsPartialResults: Bool,
    recogniser: @escaping @Sendable () throws(SpeechError) -> any SpeechRecogniser,
    now: @escaping @Sendable () -> Int64, report: @escaping @Sendable (TranscriptEvent) -> Void
  ) {
    self.emitsPartialResults = emitsPartialResults
    self.recogniser = recogniser
    self.now = now
    self.report = report
  }

  /// Decodes until `stop`.
  mutating func run(_ queue: DecodeQueue) {
    // The tracking thread and the voice detector take precedence over decoding: nice 5 of 19.
    setpriority(__priority_which_t(0), 0, 5)
    while true {
      guard let job = queue.next() else { continue }
      switch job {
      case .stop: return
      case .report(let event):
        switch event {
        case .closed(let utterance), .dropped(let utterance, _):
          partials[utterance] = nil
          results[utterance] = nil
        default: break
        }
        report(event)
      case .partial(let sound, let freezes): decodePartial(sound, freezes: freezes)
      case .whole(let sound, let position, let level): decodeWhole(sound, position, level)
      case .final(let utterance, let position, let voice): reportFinal(utterance, position, voice)
      }
    }
  }

  private func recognise(_ samples: [Float]) -> (Recognition, RecogniserIdentity, seconds: Double)? {
    let begin = now()
    do throws(SpeechError) {
      let recogniser = try recogniser()
      let result = try recogniser.recognise(samples)
      return (result, recogniser.identity, Double(now() - begin) * 1e-9)
    } catch {
      report(.failed(error.message))
      return nil
    }
  }

  private mutating func decodePartial(_ sound: DecodeJob.Sound, freezes: Bool) {
    let begin = now()
    guard let (found, source, seconds) = recognise(sound.samples) else { return }
    let text = partials[sound.utterance, default: PartialText()].add(
      TranscriptGuard.withoutLoops(found.text), freezes: freezes)
    guard !text.isEmpty else { return }
    report(
      .transcript(
        Transcript(
          number: sound.utterance, state: .partial, text: text,
          confidence: found.confidence ?? Self.partialConfidence, language: found.language, source: source,
          start: sound.start, end: sound.end, decoding: seconds,
          waiting: Double(begin - sound.requested) * 1e-9)))
  }

  private mutating func decodeWhole(_ sound: DecodeJob.Sound, _ position: Int, _ level: Double?) {
    let begin = now()
    guard let (heard, source, seconds) = recognise(sound.samples) else { return }
    var found = heard
    found.text = TranscriptGuard.withoutLoops(found.text)
    // Where the speaker goes on, this text is kept, and partial texts decode only the sound after it.
    let text = partials[sound.utterance, default: PartialText()].set(found.text)
    let result = Result(
      recognition: found, source: source, start: sound.start, end: sound.end, position: position,
      length: Double(sound.samples.count) / Double(AudioBlock.rate), level: level, decoding: seconds,
      waiting: Double(begin - sound.requested) * 1e-9)
    results[sound.utterance] = result
    guard emitsPartialResults, !text.isEmpty else { return }
    report(
      .transcript(
        Transcript(
          number: sound.utterance, state: .partial, text: text,
          confidence: found.confidence ?? Self.partialConfidence, language: found.language, source: source,
          start: sound.start, end: sound.end, decoding: seconds, waiting: result.waiting)))
  }

  private func reportFinal(_ utterance: UInt64, _ position: Int, _ voice: Double) {
    guard let result = results[utterance], result.position == position else { return }
    let text = result.recognition.text
    if let problem = TranscriptGuard.problem(text, voice: voice, length: result.length, level: result.level) {
      return report(.dropped(utterance, reason: problem))
    }
    report(
      .transcript(
        Transcript(
          number: utterance, state: .final, text: text, words: result.recognition.words,
          confidence: result.recognition.confidence ?? min(1, voice / max(result.length - 0.5, 0.1)),
          language: result.recognition.language, source: result.source, start: result.start, end: result.end,
          decoding: result.decoding, waiting: result.waiting)))
  }
}
