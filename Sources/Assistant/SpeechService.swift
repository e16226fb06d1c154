package import Authorisation
import Dialogue
import Logging
import Perception
import Sensing
import ServiceLifecycle
import Spatial
import Speech
import Synchronization

/// Turns sound into annotations and effects: transcripts are published, commands executed, and questions answered by
/// the language model.
package actor SpeechService: Service {
  package struct Settings: Sendable {
    package var speech: SpeechSettings
    package var language: LanguageSettings
    /// Where text is anchored, and which languages are accepted.
    package var annotations: AnnotationSettings
    /// Decides on the commands of each speaker and client.
    package var policy: AccessPolicy

    package init(
      speech: SpeechSettings, language: LanguageSettings, annotations: AnnotationSettings,
      policy: AccessPolicy
    ) {
      self.speech = speech
      self.language = language
      self.annotations = annotations
      self.policy = policy
    }
  }

  package struct Dependencies: Sendable {
    package var recognition: RecognitionModels
    package var languageModel: (any LanguageModel)?
    package var promptTemplate: PromptTemplate
    package var scene: RecentAnnotations
    package var annotationIDs: AnnotationIDs
    package var actions: SpeechActions
    package var log: Logger

    /// - Parameter languageModel: answers questions; nil for none.
    package init(
      recognition: RecognitionModels, languageModel: (any LanguageModel)?, promptTemplate: PromptTemplate,
      scene: RecentAnnotations, annotationIDs: AnnotationIDs, actions: SpeechActions, log: Logger
    ) {
      self.recognition = recognition
      self.languageModel = languageModel
      self.promptTemplate = promptTemplate
      self.scene = scene
      self.annotationIDs = annotationIDs
      self.actions = actions
      self.log = log
    }
  }

  private let settings: SpeechSettings
  /// The rights of those who speak.
  private let spokenRights: Rights
  private let policy: AccessPolicy
  private let log: Logger
  private let annotations: SpokenAnnotations
  private let placement: TextPlacement
  private nonisolated let queue: SpeechEventQueue
  private nonisolated let transcribers: TranscriberPool
  private nonisolated let intents: IntentRecogniser
  private nonisolated let composer: PromptComposer
  private nonisolated let isHeld = Atomic<Bool>(false)

  private var activation: ActivationState
  private var indicator: ListeningIndicator
  private var utterances: UtteranceTracker
  private var commands: CommandExecutor
  private let responder: ChatResponder

  package init(_ settings: Settings, _ dependencies: Dependencies) {
    let actions = dependencies.actions
    let log = dependencies.log
    self.settings = settings.speech
    spokenRights = .speech(manages: settings.speech.manages)
    policy = settings.policy
    self.log = log
    let queue = SpeechEventQueue()
    self.queue = queue
    let annotations = SpokenAnnotations(ids: dependencies.annotationIDs, publish: actions.publish)
    self.annotations = annotations
    placement = TextPlacement(
      settings: settings.annotations.textAnchor, scene: dependencies.scene, head: actions.head)
    intents = IntentRecogniser(
      semanticClassifier: IntentModel(host: dependencies.recognition.host, log: log))
    composer = PromptComposer(
      settings: settings.language, template: dependencies.promptTemplate,
      model: dependencies.languageModel?.identity, scene: dependencies.scene, head: actions.head,
      picture: actions.picture)
    let transcribers = TranscriberPool(settings: settings.speech, models: dependencies.recognition, log: log)
    {
      queue.send(.transcript(microphone: $0, $1))
    }
    self.transcribers = transcribers
    activation = ActivationState(settings.speech)
    indicator = ListeningIndicator(annotations: annotations)
    utterances = UtteranceTracker(
      settings: settings.speech, languages: settings.annotations, annotations: annotations,
      placement: placement)
    commands = CommandExecutor(
      settings: settings.speech, policy: settings.policy, actions: actions, scene: dependencies.scene,
      annotations: annotations,
      log: log, cancelListening: { transcribers.cancel() })
    responder = ChatResponder(
      settings: settings.language, model: dependencies.languageModel, composer: composer,
      annotations: annotations, log: log, recordPrompt: actions.recordPrompt,
      deliver: { await queue.sendWaiting(.answer($0, $1)) })
  }

  // MARK: called from any thread

  /// Feeds sound; on the thread that reads the microphone.
  package nonisolated func feed(_ block: AudioBlock) { transcribers.feed(block) }

  /// Reports that a microphone was opened or closed.
  package nonisolated func microphone(_ name: String, isOpen: Bool) {
    queue.send(.microphone(name, isOpen: isOpen))
  }

  /// Sets whether the push-to-talk button is held.
  package nonisolated func hold(_ isHeld: Bool) {
    transcribers.setOpen(isHeld || !settings.activation.needsOpening)
    self.isHeld.store(isHeld, ordering: .relaxed)
    // The flag holds the state: a dropped event delays the annotation by a second at most.
    queue.send(.buttonChanged)
  }

  /// Acts on a text of a client as on speech, with the client's rights in place of those of a speaker.
  ///
  /// - Returns: false when too many requests wait.
  package nonisolated func ask(_ text: String, by rights: Rights) -> Bool {
    queue.send(.question(text, by: rights))
  }

  /// Deletes the conversation with the language model.
  ///
  /// - Returns: false when too many requests wait.
  package nonisolated func forget() -> Bool { queue.send(.forget) }

  /// Returns the prompt that a text of a client would send to the language model, and sends nothing.
  package nonisolated func explain(
    _ text: String, by rights: Rights, at time: Timestamp
  ) async -> PromptPreview {
    let match = await intents.match(text, isAddressed: true)
    var preview = composer.preview(text, intent: match?.intent, at: time)
    if let intent = match?.intent,
      case .refused(let error) = policy.decision(on: .command(intent.command), by: rights)
    {
      preview.refusal = error
    }
    return preview
  }

  /// Returns the items that full queues dropped since the start, by kind.
  package nonisolated var drops: [(kind: String, count: UInt64)] {
    let events = queue.drops
    let lost = transcribers.drops
    var list: [(kind: String, count: UInt64)] = []
    for kind in SpeechEvent.Kind.allCases { list.append((kind: kind.rawValue, count: events[kind] ?? 0)) }
    list.append((kind: "utterance", count: lost.utterances))
    list.append((kind: "wake_word_step", count: lost.wakeWordSteps))
    return list
  }

  // MARK: the service

  package nonisolated func run() async throws {
    // Neither the first command nor the shutdown waits for this model.
    if !settings.microphones.isEmpty { Task { await intents.warmUp() } }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await cancelWhenGracefulShutdown {
          for await event in self.queue.events {
            self.queue.handled()
            await self.handle(event)
          }
        }
      }
      group.addTask {
        await cancelWhenGracefulShutdown {
          while !Task.isCancelled {
            await self.tick()
            try? await Task.sleep(for: .seconds(1))
          }
        }
      }
    }
    await end()
    transcribers.stop()
  }

  private func end() {
    responder.interrupt()
    indicator.closeAll()
  }

  private var now: Timestamp { annotations.now }

  private var isButtonHeld: Bool { isHeld.load(ordering: .relaxed) }

  /// Whether sound of open microphones is transcribed.
  private var isListening: Bool { settings.activation != .button || isButtonHeld }

  /// Each second: publishes which microphones listen, and closes them when nothing follows a wake word.
  private func tick() {
    indicator.publish(isListening: isListening)
    if utterances.isEmpty, activation.mayClose(at: now, isHeld: isButtonHeld) { transcribers.setOpen(false) }
  }

  private func handle(_ event: SpeechEvent) async {
    switch event {
    case .transcript(let microphone, let event): await handle(event, of: microphone)
    case .microphone(let name, isOpen: true): indicator.opened(name, isListening: isListening)
    case .microphone(let name, isOpen: false): indicator.closed(name)
    case .buttonChanged: indicator.publish(isListening: isListening)
    case .question(let text, let rights):
      responder.interrupt()
      await act(
        on: SpokenRequest(
          text: text, rights: rights, isAddressed: true, utterance: nil, anchor: placement.anchor(at: now),
          captured: now))
    case .forget: commands.forget(responder: responder, activation: &activation)
    case .answer(let id, let delivery):
      if responder.receive(id, delivery) {
        activation.allowFollowUp(for: ActivationState.followUpTime, from: now)
      }
    }
  }

  private func handle(_ event: TranscriptEvent, of microphone: String) async {
    func id(_ number: UInt64) -> UtteranceID { UtteranceID(microphone: microphone, number: number) }
    switch event {
    case .began(let number, let time):
      utterances.begin(id(number), isAddressed: activation.isAddressed(at: time), at: time)
    case .transcript(let transcript): await handle(transcript, of: id(transcript.number))
    case .closed(let number): utterances.close(id(number))
    case .dropped(let number, let reason):
      log.debug("utterance dropped: \(reason)")
      utterances.drop(id(number))
    case .woke(let phrase, let confidence):
      activation.wake(by: phrase, at: now)
      annotations.publishIntent(
        "listening: \(phrase)", confidence: confidence, anchor: placement.anchor(at: now),
        captured: now)
    case .failed(let problem): log.warning("speech: \(problem)")
    }
  }

  private func handle(_ transcript: Transcript, of utterance: UtteranceID) async {
    guard let spoken = utterances.take(utterance, transcript, activation: activation), !spoken.text.isEmpty
    else { return }
    // New speech interrupts the answer in progress.
    if responder.isInterrupted(by: utterance, text: spoken.text, acted: spoken.acted) {
      responder.interrupt()
    }
    annotations.publish([spoken.annotation])
    guard spoken.isNewCommand else { return }
    // Where the speaker goes on after a pause, the longer text is acted on again as a whole.
    utterances.acted(on: spoken)
    activation.endWake(at: now)
    await act(
      on: SpokenRequest(
        text: spoken.text, rights: spokenRights, isAddressed: spoken.isAddressed, utterance: utterance,
        anchor: spoken.annotation.anchor, captured: transcript.end))
  }

  private func act(on request: SpokenRequest) async {
    guard let match = await intents.match(request.text, isAddressed: request.isAddressed) else { return }
    commands.execute(match, request, responder: responder, activation: &activation)
  }
}
