import BridgeProtocol
import CLinux
import Dialogue
import Foundation
import Inference
import Logging
import Perception
import Sensing
import ServiceLifecycle
import Spatial
import Speech
import SwiftProtobuf

/// From what was said to what is done: transcripts become annotations, commands are carried out, and what is left is asked of
/// the answer desk.
actor SpeechService: Service {
  private enum Input: Sendable {
    case heard(String, TranscriptEvent)
    case listening(String, Bool)
    case held(Bool)
    case asked(String)
    case forget
    case answer(UInt64, AnswerDesk.Delivery)
  }

  private let settings: SpeechSettings
  private let language: LanguageSettings
  private let model: (any LanguageModel)?
  private let builder: PromptBuilder
  private nonisolated let classifier = IntentClassifier()
  private nonisolated let guesser: IntentModel
  /// What begins an utterance that is meant; the one of the wake word, once it was heard.
  private var wake: WakePhrase
  private let scene: SceneMemory
  private let annotations: SpokenAnnotations
  private let placement: TextPlacement
  private let policy: AnnotationSettings
  private let actions: SpeechActions
  private let log: Logger
  nonisolated let ears: Ears
  private nonisolated let inputs: AsyncStream<Input>
  private nonisolated let input: AsyncStream<Input>.Continuation

  /// An utterance that is told.
  private struct Utterance {
    var id: UInt64
    var isAddressed: Bool
    var anchor: Annotation.Anchor?
    var anchoredAt: Timestamp
    /// The text that was acted on.
    var acted = ""
    var intentID: UInt64?
  }
  private var utterances: [String: Utterance] = [:]
  /// Listening annotations by microphone.
  private var listening: [String: UInt64] = [:]
  private var isHeld = false
  private let desk: AnswerDesk
  private var pending: (intent: Intent, until: Timestamp)?
  /// Until then a question needs no wake phrase.
  private var followUp = Timestamp(nanoseconds: 0)
  /// When a wake word was heard last.
  private var woken: Timestamp?
  /// Until then a wake word holds.
  private var awake = Timestamp(nanoseconds: 0)

  /// Seconds for which somebody may say yes.
  private static let confirmation = 8.0
  /// Seconds in which a question may follow an answer without the wake phrase.
  private static let followUpTime = 8.0
  /// Seconds in which something must be said after a wake word.
  private static let wakeTime = 6.0
  /// Seconds after which a wake word is no part of what is said.
  private static let breath = 0.5

  init(
    settings: SpeechSettings, language: LanguageSettings, model: (any LanguageModel)?,
    template: PromptTemplate, policy: AnnotationSettings,
    models: SpeechModels, remote: (any SpeechRecogniser)?, host: ModelHost, scene: SceneMemory,
    numbers: AnnotationNumbers,
    guesser: IntentModel, actions: SpeechActions, log: Logger
  ) {
    self.settings = settings
    self.language = language
    self.model = model
    self.scene = scene
    self.guesser = guesser
    self.actions = actions
    self.log = log
    annotations = SpokenAnnotations(numbers: numbers, publish: actions.publish)
    placement = TextPlacement(settings: policy.textPlace, scene: scene, head: actions.head)
    self.policy = policy
    wake = WakePhrase(settings.phrase)
    builder = PromptBuilder(
      template: template, budget: language.contextTokens, sendsPicture: language.sendsPicture)
    let (stream, continuation) = AsyncStream.makeStream(of: Input.self)
    desk = AnswerDesk(
      language, model: model, builder: builder,
      context: { Self.context(at: $0, scene, language, actions) }, recordPrompt: actions.recordPrompt,
      annotations: annotations, log: log
    ) { continuation.yield(.answer($0, $1)) }
    inputs = stream
    input = continuation
    ears = Ears(settings: settings, models: models, remote: remote, host: host, log: log) {
      continuation.yield(.heard($0, $1))
    }
  }

  // MARK: from other threads

  nonisolated func hear(_ block: AudioBlock) { ears.hear(block) }
  nonisolated func listens(_ microphone: String, _ isOpen: Bool) {
    input.yield(.listening(microphone, isOpen))
  }
  nonisolated func hold(_ isHeld: Bool) {
    ears.open(isHeld || !settings.activation.needsOpening)
    input.yield(.held(isHeld))
  }
  nonisolated func ask(_ text: String) { input.yield(.asked(text)) }
  nonisolated func forget() { input.yield(.forget) }

  /// What would be sent for a text, and where.
  nonisolated func explain(_ text: String, at time: Timestamp) async -> Vrbridge_V1_Prompt {
    let match = await match(text, isAddressed: true)
    let messages = builder.messages(
      text, scene: Self.context(at: time, scene, language, actions), turns: [], mark: AnswerDesk.mark())
    return .with {
      $0.parts = messages.map { message in
        .with {
          $0.role = message.role.rawValue
          $0.text = message.text
          $0.pictureBytes = UInt32(clamping: message.picture.count)
        }
      }
      $0.tokens = UInt32(clamping: messages.reduce(0) { $0 + PromptBuilder.tokens($1.text) })
      $0.destination = model.map { "\($0.identity) at \(language.address ?? "")" } ?? ""
      if let intent = match?.intent, intent.slot == nil { $0.intent = intent.name }
      if let intent = match?.intent, let slot = intent.slot, intent.name != "ask" {
        $0.intent = "\(intent.name): \(slot)"
      }
    }
  }

  /// What a text wants.
  private nonisolated func match(_ text: String, isAddressed: Bool) async -> IntentMatch? {
    let guess = classifier.isPlain(text) || !isAddressed ? nil : await guesser.guess(text)
    return classifier.classify(text, isAddressed: isAddressed, guess: guess)
  }

  // MARK: the service

  nonisolated func run() async throws {
    // The first command shall not wait for a model that learns, nor the end for one that is not needed any more.
    if !settings.microphones.isEmpty { Task { _ = await guesser.guess("") } }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await cancelWhenGracefulShutdown {
          for await input in self.inputs { await self.take(input) }
        }
      }
      group.addTask {
        await cancelWhenGracefulShutdown {
          while !Task.isCancelled {
            await self.tellListening()
            await self.sleepAgain()
            try? await Task.sleep(for: .seconds(1))
          }
        }
      }
    }
    await end()
    ears.stop()
  }

  private func end() {
    desk.interrupt()
    for microphone in listening.keys { listens(microphone, false, at: now) }
  }

  private var now: Timestamp { annotations.now }

  private func take(_ input: Input) async {
    switch input {
    case .heard(let microphone, let event): await heard(microphone, event)
    case .listening(let microphone, let isOpen): listens(microphone, isOpen, at: now)
    case .held(let held):
      isHeld = held
      tellListening()
    case .asked(let text):
      desk.interrupt()
      await act(on: text, isAddressed: true, utterance: nil, anchor: placement.anchor(at: now), captured: now)
    case .forget: forgetAll()
    case .answer(let id, let delivery):
      if desk.take(id, delivery) {
        followUp = now.advanced(byNanoseconds: Int64(Self.followUpTime * 1e9))
      }
    }
  }

  // MARK: who listens

  private func listens(_ microphone: String, _ isOpen: Bool, at time: Timestamp) {
    if isOpen {
      listening[microphone] = listening[microphone] ?? annotations.numbers.take()
      tellListening()
    } else if let id = listening.removeValue(forKey: microphone) {
      annotations.end(id, .listening, microphone, captured: time)
    }
  }

  /// Everybody may see that the bridge listens: told again each second.
  private func tellListening() {
    let time = now
    let isOn = settings.activation != .button || isHeld
    for (microphone, id) in listening {
      var annotation = annotations.make(id, .listening, microphone, captured: time)
      annotation.timeToLive = 3
      annotation.isEnded = !isOn
      annotation.anchor = Annotation.Anchor(
        space: .screen, origin: .zero, direction: Vector3(0, 0, -1), distance: nil)
      actions.publish([annotation])
    }
  }

  // MARK: what is heard

  private func woke(_ phrase: String, _ sureness: Double) {
    wake = WakePhrase(phrase)
    woken = now
    awake = now.advanced(byNanoseconds: Int64(Self.wakeTime * 1e9))
    annotations.tell(
      intent: "listening: \(phrase)", confidence: sureness, anchor: placement.anchor(at: now), captured: now)
  }

  /// After a wake word what was said is heard to its end; then it takes another one.
  private func sleepAgain() {
    guard settings.activation == .word, !isHeld, utterances.isEmpty, now > max(awake, followUp) else {
      return
    }
    ears.open(false)
  }

  private func heard(_ microphone: String, _ event: TranscriptEvent) async {
    switch event {
    case .began(let number, let time):
      utterances["\(microphone) \(number)"] = Utterance(
        id: annotations.numbers.take(), isAddressed: settings.activation != .phrase || time < followUp,
        anchoredAt: time)
    case .transcript(let transcript): await told(microphone, transcript)
    case .closed(let number): utterances["\(microphone) \(number)"] = nil
    case .dropped(let number, let reason):
      log.debug("speech left out: \(reason)")
      let key = "\(microphone) \(number)"
      if let utterance = utterances.removeValue(forKey: key) {
        annotations.end(utterance.id, .transcript, captured: now)
      }
    case .woke(let phrase, let sureness): woke(phrase, sureness)
    case .failed(let problem): log.warning("speech: \(problem)")
    }
  }

  private func told(_ microphone: String, _ transcript: Transcript) async {
    let key = "\(microphone) \(transcript.number)"
    guard var utterance = utterances[key], policy.wants(language: transcript.language) else { return }
    var text = transcript.text
    if settings.activation == .phrase {
      if let rest = wake.rest(of: text) {
        utterance.isAddressed = true
        text = rest
      }
      // What was not meant for us is nobody's business.
      guard utterance.isAddressed else { return }
    }
    // The wake word is not what is asked.
    if settings.activation == .word, let woken, transcript.start.seconds(since: woken) < Self.breath {
      text = wake.rest(of: text, isHeard: true) ?? text
    }
    if settings.hasDigits { text = NumberWords.withDigits(text) }
    if !settings.hasPunctuation { text = Self.withoutPunctuation(text) }
    if utterance.anchor == nil {
      // What the speaker looked at when they began.
      utterance.anchor = placement.anchor(at: utterance.anchoredAt)
    }
    utterances[key] = utterance
    // A question said into an answer ends it.
    if !text.isEmpty, desk.isAnswering(otherThan: key, text, acted: utterance.acted) { desk.interrupt() }
    var annotation = annotations.make(
      utterance.id, .transcript, text, confidence: transcript.confidence,
      source: Annotation.Source(
        model: transcript.source.model, version: transcript.source.version, digest: transcript.source.digest),
      captured: transcript.end)
    annotation.textState = transcript.state == .final ? .final : .partial
    annotation.waiting = transcript.waiting
    annotation.inferring = transcript.decoding
    annotation.timeToLive = transcript.state == .final ? 6 : 3
    annotation.anchor = utterance.anchor
    annotation.words = transcript.words.map { word in
      Annotation.Word(
        text: word.text, start: transcript.start.advanced(byNanoseconds: Int64(word.start * 1e9)),
        end: transcript.start.advanced(byNanoseconds: Int64(word.end * 1e9)), confidence: word.confidence)
    }
    if !text.isEmpty { actions.publish([annotation]) }
    // With a button, what is final is what was said until it was let go.
    guard transcript.state == .final, !text.isEmpty, text != utterance.acted else { return }
    // The speaker went on: what was asked is asked again, as a whole.
    utterance.acted = text
    utterances[key] = utterance
    awake = now
    await act(
      on: text, isAddressed: utterance.isAddressed, utterance: key, anchor: utterance.anchor,
      captured: transcript.end)
  }

  private static func withoutPunctuation(_ text: String) -> String {
    text.filter { $0.isLetter || $0.isNumber || $0.isWhitespace || $0 == "'" || $0 == "-" }
  }

  // MARK: what is wanted

  private func act(
    on text: String, isAddressed: Bool, utterance: String?, anchor: Annotation.Anchor?, captured: Timestamp
  ) async {
    guard let match = await match(text, isAddressed: isAddressed) else { return }
    var intent = match.intent
    let time = now
    if let waiting = pending {
      pending = nil
      if time < waiting.until, intent == .confirm {
        return carryOut(waiting.intent, match.confidence, text, utterance, anchor, captured)
      }
      if time < waiting.until, intent == .refuse {
        return tell(.cancel, "left as it is", match.confidence, anchor, captured)
      }
    }
    // Without a question before them these are words like others.
    if intent == .confirm || intent == .refuse {
      guard isAddressed, settings.activation != .always else { return }
      intent = .ask(text)
    }
    if intent.needsConfirmation {
      pending = (intent, time.advanced(byNanoseconds: Int64(Self.confirmation * 1e9)))
      followUp = time.advanced(byNanoseconds: Int64(Self.confirmation * 1e9))
      return tell(intent, "\(intent.name)? Say yes.", match.confidence, anchor, captured)
    }
    carryOut(intent, match.confidence, text, utterance, anchor, captured)
  }

  private func tell(
    _ intent: Intent, _ text: String, _ confidence: Double, _ anchor: Annotation.Anchor?,
    _ captured: Timestamp
  ) {
    annotations.tell(intent: text, confidence: confidence, anchor: anchor, captured: captured)
    log.info("said: \(intent.name)")
  }

  private func carryOut(
    _ intent: Intent, _ confidence: Double, _ text: String, _ utterance: String?,
    _ anchor: Annotation.Anchor?,
    _ captured: Timestamp
  ) {
    func isAllowed() -> Bool {
      if settings.manages { return true }
      tell(intent, "\(intent.name): not allowed by voice ('speech: manage')", confidence, anchor, captured)
      return false
    }
    switch intent {
    case .recenter:
      guard isAllowed() else { return }
      actions.recenter()
      tell(intent, "recentred", confidence, anchor, captured)
    case .startRecording:
      guard isAllowed() else { return }
      switch actions.startRecording() {
      case .success(let file): tell(intent, "recording to \(file)", confidence, anchor, captured)
      case .failure(let fault): tell(intent, fault.description, confidence, anchor, captured)
      }
    case .stopRecording:
      guard isAllowed() else { return }
      actions.stopRecording()
      tell(intent, "recording stopped", confidence, anchor, captured)
    case .label(let name):
      guard let head = actions.head(captured), let thing = scene.gazed(from: head, at: captured) else {
        return note(name, intent, confidence, anchor, captured)
      }
      scene.name(thing.id, name)
      tell(intent, "\(thing.label): \(name)", confidence, anchor, captured)
    case .note(let text): note(text, intent, confidence, anchor, captured)
    case .forget: forgetAll()
    case .cancel:
      desk.interrupt()
      ears.cancel()
      tell(intent, "cancelled", confidence, anchor, captured)
    case .describe:
      tell(intent, intent.name, confidence, anchor, captured)
      desk.ask(text, intent, utterance: utterance, anchor: anchor, captured: captured)
    case .ask(let question):
      tell(intent, "ask", confidence, anchor, captured)
      desk.ask(question, intent, utterance: utterance, anchor: anchor, captured: captured)
    case .confirm, .refuse: break
    }
  }

  /// A remark stays for an hour where the speaker looked.
  private func note(
    _ text: String, _ intent: Intent, _ confidence: Double, _ anchor: Annotation.Anchor?,
    _ captured: Timestamp
  ) {
    annotations.tell(
      intent: text, confidence: confidence, anchor: anchor, captured: captured, timeToLive: 3600)
    log.info("said: \(intent.name)")
  }

  private func forgetAll() {
    desk.forget()
    followUp = Timestamp(nanoseconds: 0)
    tell(.forget, "forgotten", 1, nil, now)
  }

  // MARK: what is known

  private static func context(
    at time: Timestamp, _ scene: SceneMemory, _ language: LanguageSettings, _ actions: SpeechActions
  ) -> SceneContext {
    let head = actions.head(time)
    var context = scene.context(head: head, at: time)
    if language.sendsPicture {
      context.picture = actions.picture(head.flatMap { scene.gazed(from: $0, at: time) }?.region)
    }
    return context
  }
}
