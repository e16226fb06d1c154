import Admission
import Authorisation
import Logging
import Perception
import Sensing
import Spatial
import Synchronization
import Testing

@testable import Assistant
@testable import Dialogue

/// Commands are carried out with the rights of those who give them.
struct CommandRightsTests {
  private final class Effects: Sendable {
    let actions = Mutex<[String]>([])
    let reports = Mutex<[String]>([])
    func add(_ action: String) { actions.withLock { $0.append(action) } }
    var list: [String] { actions.withLock { $0 } }
    var last: String { reports.withLock { $0.last ?? "" } }
  }
  private let effects = Effects()
  private var executor: CommandExecutor
  private let responder: ChatResponder
  private var activation = ActivationState(SpeechSettings())

  private static let client = Rights(.user(7), scopes: [.microphone, .camera])
  private static let manager = Rights(.user(8), scopes: [.microphone, .camera, .manage])
  private static let speaker = Rights.speech(manages: false)

  init() throws {
    let effects = effects
    let annotations = SpokenAnnotations(ids: AnnotationIDs()) { list in
      effects.reports.withLock { $0 += list.map(\.label) }
    }
    let (scene, log) = (RecentAnnotations(), Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let actions = SpeechActions(
      recenter: { effects.add("recenter") },
      startRecording: {
        effects.add("start")
        return "/a.mcap"
      }, stopRecording: { effects.add("stop") }, head: { _ in nil }, picture: { _ in [] }, publish: { _ in },
      recordPrompt: { _, _ in })
    executor = CommandExecutor(
      settings: SpeechSettings(), policy: AccessPolicy(), actions: actions, scene: scene,
      annotations: annotations, log: log, cancelListening: { effects.add("cancel") })
    let composer = PromptComposer(
      settings: LanguageSettings(), template: try PromptTemplate(PromptTemplate.standard, name: "test"),
      model: nil, scene: scene, head: { _ in nil }, picture: { _ in [] })
    responder = ChatResponder(
      settings: LanguageSettings(), model: nil, composer: composer, annotations: annotations, log: log,
      recordPrompt: { _, _ in }, deliver: { _, _ in })
  }

  private mutating func give(_ intent: Intent, _ rights: Rights) {
    executor.execute(
      IntentMatch(intent: intent, confidence: 1),
      SpokenRequest(
        text: intent.slot ?? intent.name, rights: rights, isAddressed: true, utterance: nil, anchor: nil,
        captured: Timestamp(nanoseconds: 1)),
      responder: responder, activation: &activation)
  }

  @Test(arguments: [Intent.recenter, .startRecording, .stopRecording])
  mutating func aClientWithoutManageChangesNothing(_ intent: Intent) {
    give(intent, Self.client)
    #expect(effects.list.isEmpty && effects.last.contains("needs the scope 'manage'"), "\(effects.last)")
    #expect(effects.last.contains("'access'"))
    // No confirmation waits for it.
    give(.confirm, Self.client)
    #expect(effects.list.isEmpty)
  }

  @Test(arguments: [Intent.recenter, .startRecording, .stopRecording])
  mutating func speechChangesNothingUnlessConfigured(_ intent: Intent) {
    give(intent, Self.speaker)
    #expect(effects.list.isEmpty && effects.last.contains("'speech: manage'"), "\(effects.last)")
    give(intent, .speech(manages: true))
    if intent.needsConfirmation { give(.confirm, .speech(manages: true)) }
    #expect(effects.list.count == 1)
  }

  @Test mutating func aClientWithManageRecords() {
    give(.startRecording, Self.manager)
    #expect(effects.list == ["start"] && effects.last == "recording to /a.mcap")
    give(.stopRecording, Self.manager)
    #expect(effects.last == "stop recording? Say yes.")
    give(.confirm, Self.manager)
    #expect(effects.list == ["start", "stop"])
  }

  /// Another client neither confirms a command nor ends its waiting.
  @Test mutating func aConfirmationIsThatOfTheParty() {
    give(.stopRecording, Self.manager)
    for other in [Self.client, Self.speaker] {
      give(.confirm, other)
      give(.refuse, other)
      give(.note("a"), other)
    }
    #expect(effects.list.isEmpty)
    give(.confirm, Self.manager)
    #expect(effects.list == ["stop"])
    // Once.
    give(.confirm, Self.manager)
    #expect(effects.list == ["stop"])
  }

  @Test mutating func commandsThatWaitAreBounded() {
    let parties = (0..<100).map { Rights(.user(UInt32($0)), scopes: [.microphone, .camera, .manage]) }
    for party in parties { give(.stopRecording, party) }
    #expect(executor.pendingCount == CommandExecutor.maximumPending)
    for party in parties { give(.confirm, party) }
    #expect(effects.list.count == CommandExecutor.maximumPending)
  }

  /// A client that gets an answer has the scopes of what the prompt contains.
  @Test mutating func aQuestionNeedsTheScopesOfThePrompt() {
    give(.ask("what is there?"), Rights(.user(7), scopes: [.microphone]))
    #expect(effects.last.contains("needs the scope 'camera'"), "\(effects.last)")
    give(.ask("what is there?"), Self.client)
    #expect(effects.last.contains("language_model: address"), "\(effects.last)")
  }
}
