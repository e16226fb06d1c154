import CLinux
import Diagnostics
import Logging
import Sensing
import Spatial
import Speech
import Synchronization

/// Holds a transcriber for each microphone, made at its first sound.
final class TranscriberPool: Sendable {
  private struct State {
    var transcribers: [String: Transcriber] = [:]
    /// When a missing model is searched again, CLOCK_MONOTONIC in nanoseconds.
    var nextAttempt: Int64 = 0
    var problem = ""
  }

  private let settings: SpeechSettings
  private let models: RecognitionModels
  private let wakeWord: (stream: WakeWordStream, threshold: Double)?
  private let log: Logger
  private let report: @Sendable (String, TranscriptEvent) -> Void
  private let state = Mutex(State())
  private let isOpen: Atomic<Bool>
  /// Cancellations are requested on any thread and executed on the threads that feed.
  private let cancellations = Atomic<UInt64>(0)
  private let executedCancellations = Mutex<[String: UInt64]>([:])

  /// Microphones at a time; sound of further ones is ignored.
  private static let maximum = 4
  private static let retryInterval: Int64 = 5_000_000_000

  /// - Parameter report: receives the events of a microphone, on the threads of its transcriber.
  init(
    settings: SpeechSettings, models: RecognitionModels, log: Logger,
    report: @escaping @Sendable (String, TranscriptEvent) -> Void
  ) {
    self.settings = settings
    self.models = models
    self.log = log
    self.report = report
    let wakeModel = settings.activation == .word ? settings.wakeModel : nil
    wakeWord = wakeModel.map { (WakeWordStream(host: models.host, name: $0), settings.wakeThreshold) }
    isOpen = Atomic(!settings.activation.needsOpening)
  }

  /// Sets whether sound is transcribed; otherwise it is only searched for wake words.
  func setOpen(_ open: Bool) { isOpen.store(open, ordering: .relaxed) }

  /// Drops the utterances in progress.
  func cancel() { cancellations.add(1, ordering: .relaxed) }

  /// Items dropped by the transcribers' queues since the start.
  var drops: (utterances: UInt64, wakeWordSteps: UInt64) {
    let all = state.withLock { Array($0.transcribers.values) }
    return (
      all.reduce(0) { $0 + $1.droppedUtterances }, all.reduce(0) { $0 + $1.droppedWakeWordSteps }
    )
  }

  /// Feeds sound, on the one thread that reads its microphone.
  func feed(_ block: AudioBlock) {
    guard let transcriber = transcriber(of: block.microphone) else { return }
    transcriber.open(isOpen.load(ordering: .relaxed))
    let requested = cancellations.load(ordering: .relaxed)
    let isNew = executedCancellations.withLock { executed in
      defer { executed[block.microphone] = requested }
      return (executed[block.microphone] ?? 0) != requested
    }
    if isNew { transcriber.cancel() }
    transcriber.feed(block)
  }

  private func transcriber(of microphone: String) -> Transcriber? {
    let now = linux_monotonic_ns()
    let (known, mayMake) = state.withLock { state in
      (
        state.transcribers[microphone],
        now >= state.nextAttempt && state.transcribers.count < Self.maximum
      )
    }
    if let known { return known }
    guard mayMake else { return nil }
    do throws(SpeechError) {
      let made = try make(microphone)
      state.withLock { state in
        state.transcribers[microphone] = made
        state.problem = ""
      }
      return made
    } catch {
      let isNew = state.withLock { state in
        defer { state.problem = error.description }
        state.nextAttempt = now + Self.retryInterval
        return state.problem != error.description
      }
      if isNew { log.warning("speech: \(error.message)") }
      return nil
    }
  }

  private func make(_ microphone: String) throws(SpeechError) -> Transcriber {
    let models = models
    let report = report
    if models.remote == nil { _ = try models.speech.recogniser() }
    return Transcriber(
      settings: settings.segmentation,
      detector: try models.speech.detector(threshold: settings.segmentation.voiceThreshold),
      recogniser: { () throws(SpeechError) in
        if let remote = models.remote { return remote }
        return try models.speech.recogniser()
      }, wakeWord: wakeWord, overflow: .dropOldest, now: linux_monotonic_ns,
      report: { [weak self] event in
        // At once, not through the service: speech follows the wake word immediately.
        if case .woke = event { self?.setOpen(true) }
        report(microphone, event)
      })
  }

  /// Decodes the sound that waits, and ends all transcribers.
  func stop() {
    let all = state.withLock { state in
      defer { state.transcribers = [:] }
      // Sound that arrives later makes no new transcriber.
      state.nextAttempt = .max
      return Array(state.transcribers.values)
    }
    for transcriber in all { transcriber.stop() }
  }
}
