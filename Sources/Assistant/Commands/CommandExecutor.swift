internal import Authorisation
import Diagnostics
import Dialogue
import Logging
import Sensing
import Spatial

/// Carries out commands with the rights of those who give them, and publishes an annotation for each. Commands that end or
/// delete something wait for a "yes" of the same party.
struct CommandExecutor {
  private let policy: AccessPolicy
  private let needsAddress: Bool
  private let actions: SpeechActions
  private let scene: RecentAnnotations
  private let annotations: SpokenAnnotations
  private let cancelListening: @Sendable () -> Void
  private let log: Logger
  /// The command of each party that waits for a confirmation. Policy: `dropOldest` beyond the limit.
  private var pending: [Rights: (intent: Intent, until: Timestamp)] = [:]

  /// Commands that wait for a confirmation.
  static let maximumPending = 16
  /// Seconds in which a confirmation is accepted.
  private static let confirmationTime = 8.0
  /// Seconds for which a spoken note is shown.
  private static let noteTime = 3600.0

  /// - Parameter cancelListening: drops the utterances that are being spoken.
  init(
    settings: SpeechSettings, policy: AccessPolicy, actions: SpeechActions, scene: RecentAnnotations,
    annotations: SpokenAnnotations, log: Logger, cancelListening: @escaping @Sendable () -> Void
  ) {
    self.policy = policy
    // With `always`, a stray "yes" or "no" is overheard speech, not a question.
    needsAddress = settings.activation != .always
    self.actions = actions
    self.scene = scene
    self.annotations = annotations
    self.log = log
    self.cancelListening = cancelListening
  }

  /// Commands that wait for a confirmation, those included whose time is over.
  var pendingCount: Int { pending.count }

  /// Executes a recognised command, or requests its confirmation.
  mutating func execute(
    _ match: IntentMatch, _ request: SpokenRequest, responder: ChatResponder,
    activation: inout ActivationState
  ) {
    var intent = match.intent
    let time = annotations.now
    if let waiting = pending.removeValue(forKey: request.rights), time < waiting.until {
      if intent == .confirm {
        guard isPermitted(waiting.intent, match.confidence, request) else { return }
        return carryOut(waiting.intent, match.confidence, request, responder, &activation)
      }
      if intent == .refuse { return report(.cancel, "left as it is", match.confidence, request) }
    }
    if intent == .confirm || intent == .refuse {
      guard request.isAddressed, needsAddress else { return }
      intent = .ask(request.text)
    }
    guard isPermitted(intent, match.confidence, request) else { return }
    if intent.needsConfirmation {
      wait(for: intent, of: request.rights, at: time)
      activation.allowFollowUp(for: Self.confirmationTime, from: time)
      return report(intent, "\(intent.name)? Say yes.", match.confidence, request)
    }
    carryOut(intent, match.confidence, request, responder, &activation)
  }

  /// Returns whether the party may give the command; reports the missing right otherwise.
  private func isPermitted(_ intent: Intent, _ confidence: Double, _ request: SpokenRequest) -> Bool {
    let decision = policy.decision(on: .command(intent.command), by: request.rights)
    guard case .refused(let error) = decision else { return true }
    report(intent, "\(intent.name): \(error.description)", confidence, request)
    return false
  }

  private mutating func wait(for intent: Intent, of rights: Rights, at time: Timestamp) {
    pending = pending.filter { time < $0.value.until }
    if pending.count >= Self.maximumPending, let oldest = pending.min(by: { $0.value.until < $1.value.until })
    {
      pending[oldest.key] = nil
    }
    pending[rights] = (intent, time.advanced(byNanoseconds: Int64(Self.confirmationTime * 1e9)))
  }

  /// Deletes the conversation.
  func forget(responder: ChatResponder, activation: inout ActivationState) {
    responder.forget()
    activation.endFollowUp()
    annotations.publishIntent("forgotten", confidence: 1, anchor: nil, captured: annotations.now)
    log.info("spoken command: \(Intent.forget.name)")
  }

  private func carryOut(
    _ intent: Intent, _ confidence: Double, _ request: SpokenRequest, _ responder: ChatResponder,
    _ activation: inout ActivationState
  ) {
    switch intent {
    case .recenter:
      actions.recenter()
      report(intent, "recentred", confidence, request)
    case .startRecording:
      do {
        report(intent, "recording to \(try actions.startRecording())", confidence, request)
      } catch { report(intent, error.printed, confidence, request) }
    case .stopRecording:
      actions.stopRecording()
      report(intent, "recording stopped", confidence, request)
    case .label(let name):
      guard let head = actions.head(request.captured),
        let thing = scene.gazed(from: head, at: request.captured)
      else { return note(name, intent, confidence, request) }
      scene.name(thing.id, name)
      report(intent, "\(thing.label): \(name)", confidence, request)
    case .note(let text): note(text, intent, confidence, request)
    case .forget: forget(responder: responder, activation: &activation)
    case .cancel:
      responder.interrupt()
      cancelListening()
      report(intent, "cancelled", confidence, request)
    case .describe, .ask:
      report(intent, intent.name, confidence, request)
      responder.ask(request, intent)
    case .confirm, .refuse: break
    }
  }

  /// Publishes a note where the speaker looked.
  private func note(_ text: String, _ intent: Intent, _ confidence: Double, _ request: SpokenRequest) {
    report(intent, text, confidence, request, timeToLive: Self.noteTime)
  }

  private func report(
    _ intent: Intent, _ text: String, _ confidence: Double, _ request: SpokenRequest, timeToLive: Double = 6
  ) {
    annotations.publishIntent(
      text, confidence: confidence, anchor: request.anchor, captured: request.captured,
      timeToLive: timeToLive)
    log.info("spoken command: \(intent.name)")
  }
}
