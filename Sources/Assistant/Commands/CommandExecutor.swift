import Diagnostics
import Dialogue
import Logging
import Sensing
import Spatial

/// Carries out commands, and publishes an annotation for each. Commands that end or delete something wait for a "yes".
struct CommandExecutor {
  private let maySpeechManage: Bool
  private let needsAddress: Bool
  private let actions: SpeechActions
  private let scene: RecentAnnotations
  private let annotations: SpokenAnnotations
  private let cancelListening: @Sendable () -> Void
  private let log: Logger
  /// The command that waits for a confirmation.
  private var pending: (intent: Intent, until: Timestamp)?

  /// Seconds in which a confirmation is accepted.
  private static let confirmationTime = 8.0
  /// Seconds for which a spoken note is shown.
  private static let noteTime = 3600.0

  /// - Parameter cancelListening: drops the utterances that are being spoken.
  init(
    settings: SpeechSettings, actions: SpeechActions, scene: RecentAnnotations,
    annotations: SpokenAnnotations, log: Logger, cancelListening: @escaping @Sendable () -> Void
  ) {
    maySpeechManage = settings.manages
    // With `always`, a stray "yes" or "no" is overheard speech, not a question.
    needsAddress = settings.activation != .always
    self.actions = actions
    self.scene = scene
    self.annotations = annotations
    self.log = log
    self.cancelListening = cancelListening
  }

  /// Executes a recognised command, or asks for its confirmation.
  mutating func execute(
    _ match: IntentMatch, _ request: SpokenRequest, responder: ChatResponder,
    activation: inout ActivationState
  ) {
    var intent = match.intent
    let time = annotations.now
    if let waiting = pending {
      pending = nil
      if time < waiting.until, intent == .confirm {
        return carryOut(waiting.intent, match.confidence, request, responder, &activation)
      }
      if time < waiting.until, intent == .refuse {
        return report(.cancel, "left as it is", match.confidence, request)
      }
    }
    if intent == .confirm || intent == .refuse {
      guard request.isAddressed, needsAddress else { return }
      intent = .ask(request.text)
    }
    if intent.needsConfirmation {
      pending = (intent, time.advanced(byNanoseconds: Int64(Self.confirmationTime * 1e9)))
      activation.allowFollowUp(for: Self.confirmationTime, from: time)
      return report(intent, "\(intent.name)? Say yes.", match.confidence, request)
    }
    carryOut(intent, match.confidence, request, responder, &activation)
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
    case .recenter, .startRecording, .stopRecording: manage(intent, confidence, request)
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

  /// Executes a command that changes the bridge's state.
  private func manage(_ intent: Intent, _ confidence: Double, _ request: SpokenRequest) {
    guard maySpeechManage else {
      return report(
        intent, "\(intent.name): not allowed by voice ('speech: manage')", confidence, request)
    }
    switch intent {
    case .recenter:
      actions.recenter()
      report(intent, "recentred", confidence, request)
    case .startRecording:
      do {
        report(intent, "recording to \(try actions.startRecording())", confidence, request)
      } catch { report(intent, error.printed, confidence, request) }
    default:
      actions.stopRecording()
      report(intent, "recording stopped", confidence, request)
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
