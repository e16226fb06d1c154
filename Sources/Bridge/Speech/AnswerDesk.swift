import Dialogue
import Foundation
import Logging
import Perception
import Sensing
import Spatial

/// Asks the language model, and shows its answer as one annotation that grows. One question at a time: a new one ends
/// what was still being answered, and marks it so.
///
/// It belongs to one actor; what arrives from the model comes back through `deliver`.
final class AnswerDesk {
  enum Delivery: Sendable {
    case event(ChatEvent)
    case failure(String)
  }
  private struct Answer {
    var id: UInt64
    var question: String
    var text = ""
    var anchor: Annotation.Anchor?
    var asked: Timestamp
    /// When it was told last, nanoseconds.
    var shown: Int64 = 0
    var task: Task<Void, Never>?
    var utterance: String?
  }

  private let settings: LanguageSettings
  private let model: (any LanguageModel)?
  private let builder: PromptBuilder
  private let context: @Sendable (Timestamp) -> SceneContext
  private let recordPrompt: @Sendable (String, Timestamp) -> Void
  private let annotations: SpokenAnnotations
  private let log: Logger
  private let deliver: @Sendable (UInt64, Delivery) -> Void
  private var conversation: Conversation
  private var answer: Answer?

  /// Nanoseconds between two states of a growing text.
  private static let growth: Int64 = 50_000_000

  /// - Parameters:
  ///   - context: what the bridge knew at a time.
  ///   - recordPrompt: takes exactly what was sent.
  ///   - deliver: must hand what it is given to `take` of this desk, in order.
  init(
    _ settings: LanguageSettings, model: (any LanguageModel)?, builder: PromptBuilder,
    context: @escaping @Sendable (Timestamp) -> SceneContext,
    recordPrompt: @escaping @Sendable (String, Timestamp) -> Void, annotations: SpokenAnnotations,
    log: Logger,
    deliver: @escaping @Sendable (UInt64, Delivery) -> Void
  ) {
    self.settings = settings
    self.model = model
    self.builder = builder
    self.context = context
    self.recordPrompt = recordPrompt
    self.annotations = annotations
    self.log = log
    self.deliver = deliver
    conversation = Conversation(maximumAge: settings.memory)
  }

  /// Stands around data in a prompt; nobody can know it beforehand.
  static func mark() -> String { "<data-" + UUID().uuidString.lowercased().prefix(13) + ">" }

  /// Whether an answer to something else than this text of this utterance goes on.
  func isAnswering(otherThan utterance: String, _ text: String, acted: String) -> Bool {
    answer.map { $0.utterance != utterance || text != acted } ?? false
  }

  func ask(
    _ question: String, _ intent: Intent, utterance: String?, anchor: Annotation.Anchor?, captured: Timestamp
  ) {
    interrupt()
    let id = annotations.numbers.take()
    var new = Answer(
      id: id, question: question, anchor: anchor, asked: annotations.now, utterance: utterance)
    let context = context(captured)
    guard let model else {
      new.text = Self.ownAnswer(intent, context)
      answer = new
      show(.final)
      answer = nil
      return
    }
    conversation.expire(at: Double(captured.nanoseconds) * 1e-9)
    let messages = builder.messages(question, scene: context, turns: conversation.turns, mark: Self.mark())
    let request = ChatRequest(
      model: settings.model, messages: messages, maximumTokens: settings.maximumTokens,
      temperature: settings.temperature)
    recordPrompt(messages.map(Self.words).joined(separator: "\n"), captured)
    let deliver = deliver
    new.task = Task {
      do {
        for try await event in model.answer(request) { deliver(id, .event(event)) }
      } catch is CancellationError {
      } catch { deliver(id, .failure((error as? ChatFault)?.description ?? String(describing: error))) }
    }
    answer = new
  }

  /// What the bridge knows by itself.
  private static func ownAnswer(_ intent: Intent, _ context: SceneContext) -> String {
    guard case .describe = intent else {
      return "No language model is configured ('language_model: address')."
    }
    return context.gazed.map { "\($0.label), \(Int(($0.confidence * 100).rounded())) %" }
      ?? "I see nothing there that I know."
  }

  private static func words(of message: ChatMessage) -> String {
    let picture = message.picture.isEmpty ? "" : " (with a picture of \(message.picture.count) bytes)"
    return "[\(message.role.rawValue)]\(picture)\n\(message.text)"
  }

  /// An answer that goes on ends here, and is marked.
  func interrupt() {
    guard let current = answer else { return }
    current.task?.cancel()
    if !current.text.isEmpty { show(.interrupted) }
    answer = nil
  }

  /// The model is told no more of what was said before.
  func forget() {
    interrupt()
    conversation.clear()
  }

  /// - Returns: whether this ended an answer, so that a question may follow.
  func take(_ id: UInt64, _ delivery: Delivery) -> Bool {
    guard answer?.id == id else { return false }
    switch delivery {
    case .event(.text(let piece)):
      answer?.text += piece
      if annotations.now.nanoseconds - (answer?.shown ?? 0) >= Self.growth { show(.partial) }
    case .event(.restarted(let reason)):
      log.notice("the answer begins again: \(reason)")
      answer?.text = ""
    case .event(.ended(let ending)):
      ended(ending)
      return true
    case .failure(let reason):
      log.warning("\(reason)")
      if answer?.text.isEmpty == true { answer?.text = "No answer: \(reason)" }
      show(.interrupted)
      answer = nil
    }
    return false
  }

  private func ended(_ ending: ChatEnding) {
    // What was cut by its length is shown as cut.
    show(ending.reason == "stop" || ending.reason == "tool_calls" ? .final : .interrupted)
    if let answer {
      let time = Double(answer.asked.nanoseconds) * 1e-9
      conversation.add(answer.question, isUser: true, at: time)
      conversation.add(answer.text, isUser: false, at: time)
    }
    if let count = ending.answerTokens {
      log.info(
        "answered", metadata: ["prompt_tokens": "\(ending.promptTokens ?? 0)", "answer_tokens": "\(count)"])
    }
    answer = nil
  }

  private func show(_ state: Annotation.TextState) {
    guard let current = answer else { return }
    let time = annotations.now
    answer?.shown = time.nanoseconds
    var annotation = annotations.make(
      current.id, .answer, current.text,
      source: Annotation.Source(
        model: model?.identity ?? "vrbridge",
        version: model == nil ? ProductVersion.text : settings.address ?? "", digest: ""),
      captured: current.asked)
    annotation.inferring = time.seconds(since: current.asked)
    annotation.textState = state
    annotation.anchor = current.anchor
    annotation.timeToLive = annotation.inferring + (state == .partial ? 15 : 20)
    annotations.publish([annotation])
  }
}
