import Dispatch
import Foundation
import Glibc
import Sensing
import Spatial
import Synchronization

/// Sound in, transcripts out. The voice is looked for on the thread that feeds; what is found is decoded on a thread of its
/// own, so that sound is never kept waiting.
///
/// `@unchecked Sendable`: `ring`, `segmenter` and `detector` belong to the thread that feeds; `partials` and `results` to
/// the thread that decodes; the rest is constant or synchronised.
public final class Transcriber: @unchecked Sendable {
  private enum Job {
    case partial(UInt64, samples: [Float], start: Timestamp, end: Timestamp, freezes: Bool, asked: Int64)
    case whole(
      UInt64, samples: [Float], start: Timestamp, end: Timestamp, position: Int, level: Double?, asked: Int64)
    case final(UInt64, position: Int, voice: Double)
    case tell(TranscriptEvent)
    case stop
  }

  private let settings: SegmentationSettings
  private let recogniser: @Sendable () throws(SpeechFault) -> any SpeechRecogniser
  private let detector: any VoiceDetecting
  private let wakeWord: WakeWordListener?
  private let report: @Sendable (TranscriptEvent) -> Void
  private let now: @Sendable () -> Int64

  // The thread that feeds.
  private var ring = SampleRing()
  private var segmenter: UtteranceSegmenter
  private var quiet = NoiseLevel()
  private var starts: [UInt64: Timestamp] = [:]
  /// Sound is listened to; else only wake words are.
  private var isOpen = true

  // Between the two.
  private let jobs = Mutex<[Job]>([])
  private let wake = DispatchSemaphore(value: 0)
  private let isDecoding = Atomic<Bool>(false)
  private let ended = DispatchSemaphore(value: 0)

  // The thread that decodes.
  private struct Result {
    var recognition: Recognition
    var source: RecogniserIdentity
    var start: Timestamp
    var end: Timestamp
    var position: Int
    var length: Double
    var level: Double?
    var decoding: Double
    var waiting: Double
  }
  private var partials: [UInt64: PartialText] = [:]
  private var results: [UInt64: Result] = [:]

  /// - Parameters:
  ///   - recogniser: asked for each utterance, so that it can be swapped.
  ///   - wakeWord: looked for all the time, with the sureness from which it counts as said.
  ///   - now: nanoseconds of CLOCK_MONOTONIC.
  ///   - report: called on the thread that decodes; of wake words on another.
  public init(
    settings: SegmentationSettings, detector: any VoiceDetecting,
    recogniser: @escaping @Sendable () throws(SpeechFault) -> any SpeechRecogniser,
    wakeWord: (stream: WakeWordStream, threshold: Double)? = nil,
    now: @escaping @Sendable () -> Int64, report: @escaping @Sendable (TranscriptEvent) -> Void
  ) {
    self.settings = settings
    self.recogniser = recogniser
    self.detector = detector
    self.report = report
    self.wakeWord = wakeWord.map { word in
      WakeWordListener(
        stream: word.stream, threshold: word.threshold,
        detected: { report(.woke($0.phrase, sureness: $0.sureness)) }, failed: { report(.failed($0)) })
    }
    self.now = now
    segmenter = UtteranceSegmenter(settings)
    let thread = Thread { [self] in decodeAll() }
    thread.name = "speech"
    thread.stackSize = 4 << 20
    thread.start()
  }

  /// What waits is decoded, then the thread ends.
  public func stop() {
    push(.stop)
    ended.wait()
    ended.signal()
  }

  // MARK: feeding

  /// Samples that follow those before; one thread only.
  public func feed(_ block: AudioBlock) {
    if block.lost > 0 {
      // What is not known is silence, as long as it is not too long to hold an utterance together.
      if block.lost > Int(settings.separation * Double(AudioBlock.rate)) {
        flush()
      } else {
        ring.appendSilence(block.lost)
      }
    }
    ring.append(block.samples, at: block.captured)
    advance()
  }

  /// The sound ends here, or a button was let go.
  public func flush() {
    let rest = ring.end - segmenter.position
    if rest > 0 { ring.appendSilence(max(0, VoiceDetector.window * 6 - rest)) }
    judge()
    carryOut(segmenter.finish())
    detector.reset()
  }

  /// Forgets the utterance that goes on.
  public func cancel() {
    guard let number = segmenter.cancel() else { return }
    push(.tell(.dropped(number, reason: "cancelled")))
  }

  /// Whether sound is listened to.
  public func open(_ isOpen: Bool) {
    guard isOpen != self.isOpen else { return }
    if !isOpen {
      flush()
    } else if wakeWord != nil {
      segmenter.wakes()
    }
    self.isOpen = isOpen
  }

  /// Samples after which the detector is asked at the latest.
  private static let batch = 7 * VoiceDetector.window

  private func advance() {
    // Some windows at a time: waking up for each costs more than judging it. A text that is due is not kept waiting.
    let due = (max(1, min(segmenter.patience, Self.batch)) + VoiceDetector.window - 1) / VoiceDetector.window
    if ring.end - segmenter.position >= due * VoiceDetector.window { judge() }
  }

  /// Asks the detector about all that is there.
  private func judge() {
    while ring.end - segmenter.position >= VoiceDetector.window {
      let window = ring.slice(segmenter.position, segmenter.position + VoiceDetector.window)
      let isHeard = (isOpen || wakeWord != nil) && detector.isVoice(window)
      wakeWord?.hear(window, isVoice: isHeard)
      let isVoice = isOpen && isHeard
      quiet.add(window, isVoice: isHeard)
      if let ratio = quiet.ratio { segmenter.isNoisy = ratio < settings.noiseRatio }
      carryOut(segmenter.add(VoiceDetector.window, isVoice: isVoice))
      ring.drop(before: segmenter.needed)
    }
  }

  private func carryOut(_ demands: [UtteranceSegmenter.Demand]) {
    for demand in demands {
      switch demand {
      case .began(let number):
        let start = ring.time(segmenter.position)
        starts[number] = start
        push(.tell(.began(number, at: start)))
      case .partial(let number, let from, let upTo, let freezes):
        // A text that is late is of no use: the next one says more. One that others build on must come.
        guard freezes || (!isDecoding.load(ordering: .relaxed) && jobs.withLock { $0.isEmpty }) else {
          continue
        }
        push(
          .partial(
            number, samples: ring.slice(from, upTo), start: starts[number] ?? ring.time(from),
            end: ring.time(upTo), freezes: freezes, asked: now()))
      case .whole(let number, let from, let upTo, let end):
        jobs.withLock { jobs in
          jobs.removeAll { if case .partial(number, _, _, _, _, _) = $0 { true } else { false } }
        }
        push(
          .whole(
            number, samples: ring.slice(from, upTo), start: starts[number] ?? ring.time(from),
            end: ring.time(end), position: end, level: quiet.ratio, asked: now()))
      case .final(let number, let end, let voice): push(.final(number, position: end, voice: voice))
      case .closed(let number, _):
        starts[number] = nil
        push(.tell(.closed(number)))
      case .dropped(let number):
        starts[number] = nil
        push(.tell(.dropped(number, reason: "too short to be speech")))
      }
    }
  }

  private func push(_ job: Job) {
    jobs.withLock { $0.append(job) }
    wake.signal()
  }

  // MARK: decoding

  private func decodeAll() {
    // The tracking thread and the voice detector come first: 5 of 19.
    setpriority(__priority_which_t(0), 0, 5)
    while true {
      wake.wait()
      // Some were taken back.
      guard let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { continue }
      isDecoding.store(true, ordering: .relaxed)
      defer { isDecoding.store(false, ordering: .relaxed) }
      switch job {
      case .stop:
        ended.signal()
        return
      case .tell(let event):
        switch event {
        case .closed(let number), .dropped(let number, _):
          partials[number] = nil
          results[number] = nil
        default: break
        }
        report(event)
      case .partial(let number, let samples, let start, let end, let freezes, let asked):
        tellPartial(number, samples, start, end, freezes, asked)
      case .whole(let number, let samples, let start, let end, let position, let level, let asked):
        decode(number, samples, start, end, position, level, asked)
      case .final(let number, let position, let voice): tellFinal(number, position, voice)
      }
    }
  }

  private func recognise(_ samples: [Float]) -> (Recognition, RecogniserIdentity, seconds: Double)? {
    let begun = now()
    do throws(SpeechFault) {
      let recogniser = try recogniser()
      let result = try recogniser.recognise(samples)
      return (result, recogniser.identity, Double(now() - begun) * 1e-9)
    } catch {
      report(.failed(error.description))
      return nil
    }
  }

  private func tellPartial(
    _ number: UInt64, _ samples: [Float], _ start: Timestamp, _ end: Timestamp, _ freezes: Bool,
    _ asked: Int64
  ) {
    let begun = now()
    guard let (found, source, seconds) = recognise(samples) else { return }
    let text = partials[number, default: PartialText()].add(
      TranscriptGuard.withoutLoops(found.text), freezes: freezes)
    guard !text.isEmpty else { return }
    report(
      .transcript(
        Transcript(
          number: number, state: .partial, text: text, confidence: found.confidence ?? 0.5,
          language: found.language, source: source, start: start, end: end, decoding: seconds,
          waiting: Double(begun - asked) * 1e-9)))
  }

  private func decode(
    _ number: UInt64, _ samples: [Float], _ start: Timestamp, _ end: Timestamp, _ position: Int,
    _ level: Double?, _ asked: Int64
  ) {
    let begun = now()
    guard let (heard, source, seconds) = recognise(samples) else { return }
    var found = heard
    found.text = TranscriptGuard.withoutLoops(found.text)
    // Should the speaker go on, this stands, and only what follows is decoded for partial texts.
    let text = partials[number, default: PartialText()].set(found.text)
    let result = Result(
      recognition: found, source: source, start: start, end: end, position: position,
      length: Double(samples.count) / Double(AudioBlock.rate), level: level, decoding: seconds,
      waiting: Double(begun - asked) * 1e-9)
    results[number] = result
    guard settings.tellsPartials, !text.isEmpty else { return }
    report(
      .transcript(
        Transcript(
          number: number, state: .partial, text: text, confidence: found.confidence ?? 0.5,
          language: found.language, source: source, start: start, end: end, decoding: seconds,
          waiting: result.waiting)))
  }

  private func tellFinal(_ number: UInt64, _ position: Int, _ voice: Double) {
    guard let result = results[number], result.position == position else { return }
    let text = result.recognition.text
    if let problem = TranscriptGuard.problem(text, voice: voice, length: result.length, level: result.level) {
      return report(.dropped(number, reason: problem))
    }
    report(
      .transcript(
        Transcript(
          number: number, state: .final, text: text, words: result.recognition.words,
          confidence: result.recognition.confidence ?? min(1, voice / max(result.length - 0.5, 0.1)),
          language: result.recognition.language, source: result.source, start: result.start, end: result.end,
          decoding: result.decoding, waiting: result.waiting)))
  }
}
