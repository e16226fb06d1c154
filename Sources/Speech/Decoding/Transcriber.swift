import Dispatch
import Foundation
import Sensing
import Spatial

/// Turns a stream of sound into transcripts.
///
/// The voice detector runs on the thread that feeds; utterances are decoded on a thread of their own, so that feeding does not
/// wait for the recogniser.
///
/// `@unchecked Sendable`: `ring`, `segmenter`, `noise`, `starts`, `isOpen` and `detector` are used by the one thread that
/// feeds; the rest is constant or synchronised.
public final class Transcriber: @unchecked Sendable {
  /// The policy of the queue between feeding and decoding, which holds the sound of a few utterances.
  public enum Overflow: Sendable {
    /// Drops the oldest utterance and counts it: for live sound.
    case dropOldest
    /// Blocks the feeding thread: for files.
    case wait
  }

  private let settings: SegmentationSettings
  private let detector: any VoiceDetecting
  private let wakeWord: WakeWordListener?
  private let now: @Sendable () -> Int64
  private let queue: DecodeQueue
  private let ended = DispatchSemaphore(value: 0)

  private var ring = SampleRing()
  private var segmenter: UtteranceSegmenter
  private var noise = NoiseLevel()
  private var starts: [UInt64: Timestamp] = [:]
  /// Sound is transcribed; otherwise it is only searched for wake words.
  private var isOpen = true

  /// - Parameters:
  ///   - recogniser: called for each utterance, so that a newer model is used as soon as it is installed.
  ///   - wakeWord: searched for at all times, with the confidence from which it counts as detected; nil for none.
  ///   - overflow: policy where decoding is slower than feeding.
  ///   - now: CLOCK_MONOTONIC in nanoseconds.
  ///   - report: called on the decoding thread; for wake words on another.
  public init(
    settings: SegmentationSettings, detector: any VoiceDetecting,
    recogniser: @escaping @Sendable () throws(SpeechError) -> any SpeechRecogniser,
    wakeWord: (stream: WakeWordStream, threshold: Double)? = nil, overflow: Overflow = .wait,
    now: @escaping @Sendable () -> Int64, report: @escaping @Sendable (TranscriptEvent) -> Void
  ) {
    self.settings = settings
    self.detector = detector
    self.wakeWord = wakeWord.map { word in
      WakeWordListener(
        stream: word.stream, threshold: word.threshold,
        detected: { report(.woke($0.phrase, confidence: $0.confidence)) }, failed: { report(.failed($0)) })
    }
    self.now = now
    segmenter = UtteranceSegmenter(settings)
    let queue = DecodeQueue(overflow: overflow)
    self.queue = queue
    let emitsPartialResults = settings.emitsPartialResults
    let thread = Thread { [ended] in
      var decoder = TranscriptDecoder(
        emitsPartialResults: emitsPartialResults, recogniser: recogniser, now: now, report: report)
      decoder.run(queue)
      ended.signal()
    }
    thread.name = "speech"
    thread.stackSize = 4 << 20
    thread.start()
  }

  /// Utterances that were dropped because decoding was slower than speech.
  public var droppedUtterances: UInt64 { queue.dropped }

  /// Steps of 80 ms that were dropped because the wake word's models were slower than sound.
  public var droppedWakeWordSteps: UInt64 { wakeWord?.dropped ?? 0 }

  /// Decodes the utterances that wait, then ends the thread.
  public func stop() {
    queue.push(.stop)
    ended.wait()
    ended.signal()
  }

  // MARK: feeding, on one thread

  /// Takes the block that follows the previous one.
  public func feed(_ block: AudioBlock) {
    if block.lost > 0 {
      // A short gap becomes silence within the utterance; a long gap ends it.
      if block.lost > Int(settings.separation * Double(AudioBlock.rate)) {
        flush()
      } else {
        ring.appendSilence(block.lost)
      }
    }
    ring.append(block.samples, at: block.captured)
    advance()
  }

  /// Ends the utterance in progress: the stream ended, or the button was released.
  public func flush() {
    let rest = ring.end - segmenter.position
    if rest > 0 { ring.appendSilence(max(0, VoiceDetector.window * 6 - rest)) }
    detect()
    execute(segmenter.finish())
    detector.reset()
  }

  /// Drops the utterance in progress.
  public func cancel() {
    guard let number = segmenter.cancel() else { return }
    queue.push(.report(.dropped(number, reason: "cancelled")))
  }

  /// Sets whether sound is transcribed; otherwise it is only searched for wake words.
  public func open(_ isOpen: Bool) {
    guard isOpen != self.isOpen else { return }
    if !isOpen {
      flush()
    } else if wakeWord != nil {
      segmenter.wake()
    }
    self.isOpen = isOpen
  }

  /// Samples after which the detector runs at the latest.
  private static let batch = 7 * VoiceDetector.window

  /// Runs the detector on several windows at a time, as waking up for each costs more than the detection itself; sooner
  /// when a text is due.
  private func advance() {
    let samples = max(1, min(segmenter.samplesUntilAction, Self.batch))
    let windows = (samples + VoiceDetector.window - 1) / VoiceDetector.window
    if ring.end - segmenter.position >= windows * VoiceDetector.window { detect() }
  }

  /// Runs the detector on all complete windows.
  private func detect() {
    while ring.end - segmenter.position >= VoiceDetector.window {
      let window = ring.slice(segmenter.position, segmenter.position + VoiceDetector.window)
      let isVoice = (isOpen || wakeWord != nil) && detector.isVoice(window)
      wakeWord?.feed(window, isVoice: isVoice)
      noise.add(window, isVoice: isVoice)
      if let ratio = noise.ratio { segmenter.isNoisy = ratio < settings.noiseRatio }
      execute(segmenter.add(VoiceDetector.window, isVoice: isOpen && isVoice))
      ring.drop(before: segmenter.oldestNeeded)
    }
  }

  private func execute(_ actions: [UtteranceSegmenter.Action]) {
    for action in actions {
      switch action {
      case .began(let number):
        let start = ring.time(segmenter.position)
        starts[number] = start
        queue.push(.report(.began(number, at: start)))
      case .partial(let number, let from, let upTo, let freezes):
        // A late partial text is skipped, as the next one contains it; a frozen one is not contained in the next.
        guard freezes || queue.isIdle else { continue }
        queue.push(.partial(sound(number, from, upTo, end: upTo), freezes: freezes))
      case .whole(let number, let from, let upTo, let end):
        queue.push(.whole(sound(number, from, upTo, end: end), position: end, level: noise.ratio))
      case .final(let number, let end, let voice): queue.push(.final(number, position: end, voice: voice))
      case .closed(let number, _):
        starts[number] = nil
        queue.push(.report(.closed(number)))
      case .dropped(let number):
        starts[number] = nil
        queue.push(.report(.dropped(number, reason: "too short to be speech")))
      }
    }
  }

  private func sound(_ number: UInt64, _ from: Int, _ upTo: Int, end: Int) -> DecodeJob.Sound {
    DecodeJob.Sound(
      utterance: number, samples: ring.slice(from, upTo), start: starts[number] ?? ring.time(from),
      end: ring.time(end), requested: now())
  }
}
