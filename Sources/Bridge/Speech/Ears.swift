import CLinux
import Inference
import Logging
import Sensing
import Spatial
import Speech
import Synchronization

/// A transcriber for each microphone, made when it is first heard.
final class Ears: Sendable {
  /// `@unchecked Sendable`: each transcriber is fed by the one thread that reads its microphone.
  private final class Ear: @unchecked Sendable {
    let transcriber: Transcriber
    init(_ transcriber: Transcriber) { self.transcriber = transcriber }
  }

  private let settings: SpeechSettings
  private let models: SpeechModels
  private let remote: (any SpeechRecogniser)?
  private let wakeWord: (stream: WakeWordStream, threshold: Double)?
  private let log: Logger
  private let report: @Sendable (String, TranscriptEvent) -> Void
  private struct State {
    var ears: [String: Ear] = [:]
    /// When a missing model is looked for again.
    var next: Int64 = 0
    var problem = ""
  }
  private let state = Mutex(State())
  /// Sound is listened to now.
  private let isOpen: Atomic<Bool>
  /// Asked for by other threads, done by those that feed.
  private let cancels = Atomic<UInt64>(0)
  private let cancelled = Mutex<[String: UInt64]>([:])

  private static let maximum = 4

  init(
    settings: SpeechSettings, models: SpeechModels, remote: (any SpeechRecogniser)?, host: ModelHost,
    log: Logger, report: @escaping @Sendable (String, TranscriptEvent) -> Void
  ) {
    self.settings = settings
    self.models = models
    self.remote = remote
    self.log = log
    self.report = report
    let wakeModel = settings.activation == .word ? settings.wakeModel : nil
    wakeWord = wakeModel.map { (WakeWordStream(host: host, name: $0), settings.wakeThreshold) }
    isOpen = Atomic(!settings.activation.needsOpening)
  }

  func open(_ open: Bool) { isOpen.store(open, ordering: .relaxed) }
  func cancel() { cancels.add(1, ordering: .relaxed) }

  /// On the thread that reads the microphone.
  func hear(_ block: AudioBlock) {
    guard let ear = ear(block.microphone) else { return }
    ear.transcriber.open(isOpen.load(ordering: .relaxed))
    let wanted = cancels.load(ordering: .relaxed)
    let isNew = cancelled.withLock { known in
      defer { known[block.microphone] = wanted }
      return (known[block.microphone] ?? 0) != wanted
    }
    if isNew { ear.transcriber.cancel() }
    ear.transcriber.feed(block)
  }

  private func ear(_ microphone: String) -> Ear? {
    let now = linux_monotonic_ns()
    let (known, mayTry) = state.withLock { state in
      (state.ears[microphone], now >= state.next && state.ears.count < Self.maximum)
    }
    if let known { return known }
    guard mayTry else { return nil }
    do throws(SpeechFault) {
      let models = models
      let remote = remote
      if remote == nil { _ = try models.recogniser() }
      let report = report
      let made = Ear(
        Transcriber(
          settings: settings.segmentation,
          detector: try models.detector(threshold: settings.segmentation.voiceThreshold),
          recogniser: { () throws(SpeechFault) in
            if let remote { return remote }
            return try models.recogniser()
          }, wakeWord: wakeWord, now: linux_monotonic_ns,
          report: { [weak self] event in
            // At once: the speaker goes on.
            if case .woke = event { self?.open(true) }
            report(microphone, event)
          }))
      state.withLock { state in
        state.ears[microphone] = made
        state.problem = ""
      }
      return made
    } catch {
      let isNew = state.withLock { state in
        defer { state.problem = error.description }
        state.next = now + 5_000_000_000
        return state.problem != error.description
      }
      if isNew { log.warning("speech: \(error.description)") }
      return nil
    }
  }

  func stop() {
    let all = state.withLock { state in
      defer { state.ears = [:] }
      // What comes late makes no new one.
      state.next = .max
      return Array(state.ears.values)
    }
    for ear in all { ear.transcriber.stop() }
  }
}
