import Diagnostics
import Dialogue
import Foundation
import Logging
import Perception
import Sensing
import Spatial

/// Sends questions to the language model and publishes each answer as one annotation whose text grows.
///
/// One question at a time: a new one interrupts the answer in progress, whose annotation is marked as interrupted. Isolated to
/// the speech service; events of the model arrive in another task and come back through `receive`.
final class ChatResponder {
  enum Delivery: Sendable {
    case event(ChatEvent)
    /// The reason as a reader sees it, and as the log states it, with the code of the error.
    case failure(String, logged: String)
  }
  private struct Answer {
    var id: UInt64
    var question: String
    var text = ""
    var anchor: Annotation.Anchor?
    var asked: Timestamp
    /// When it was last published, CLOCK_MONOTONIC in nanoseconds.
    var published: Int64 = 0
    var task: Task<Void, Never>?
    var utterance: UtteranceID?
  }

  private let settings: LanguageSettings
  private let model: (any LanguageModel)?
  private let composer: PromptComposer
  private let recordPrompt: @Sendable (String, Timestamp) -> Void
  private let annotations: SpokenAnnotations
  private let log: Logger
  private let deliver: @Sendable (UInt64, Delivery) async -> Void
  private var conversation: Conversation
  private var answer: Answer?

  /// Nanoseconds between two publications of a growing text.
  private static let publicationInterval: Int64 = 50_000_000

  /// - Parameters:
  ///   - recordPrompt: receives the exact text of each request to the model.
  ///   - deliver: passes events of the model to `receive`, in order.
  init(
    settings: LanguageSettings, model: (any LanguageModel)?, composer: PromptComposer,
    annotations: SpokenAnnotations, log: Logger,
    recordPrompt: @escaping @Sendable (String, Timestamp) -> Void,
    deliver: @escaping @Sendable (UInt64, Delivery) async -> Void
  ) {
    self.settings = settings
    self.model = model
    self.composer = composer
    self.recordPrompt = recordPrompt
    self.annotations = annotations
    self.log = log
    self.deliver = deliver
    conversation = Conversation(maximumAge: settings.memory)
  }

  /// Returns whether an answer is in progress that a text of an utterance interrupts.
  ///
  /// - Parameter acted: the text of the utterance that was acted on; repeated, it interrupts nothing.
  func isInterrupted(by utterance: UtteranceID, text: String, acted: String) -> Bool {
    answer.map { $0.utterance != utterance || text != acted } ?? false
  }

  /// Answers a question or a request to describe the gazed object; without a model, from the scene alone.
  func ask(_ request: SpokenRequest, _ intent: Intent) {
    interrupt()
    var question = request.text
    if case .ask(let text) = intent { question = text }
    var new = Answer(
      id: annotations.ids.take(), question: question, anchor: request.anchor, asked: annotations.now,
      utterance: request.utterance)
    let context = composer.context(at: request.captured)
    guard let model else {
      let (text, isAnswer) = Self.answerWithoutModel(intent, context)
      new.text = text
      answer = new
      publish(isAnswer ? .final : .interrupted)
      answer = nil
      return
    }
    conversation.expire(at: Double(request.captured.nanoseconds) * 1e-9)
    let messages = composer.messages(question, context: context, turns: conversation.turns)
    recordPrompt(messages.map(Self.record(of:)).joined(separator: "\n"), request.captured)
    new.task = send(
      ChatRequest(
        model: settings.model, messages: messages, maximumTokens: settings.maximumTokens,
        temperature: settings.temperature), to: model, as: new.id)
    answer = new
  }

  private func send(_ request: ChatRequest, to model: any LanguageModel, as id: UInt64) -> Task<Void, Never> {
    let deliver = deliver
    return Task {
      do {
        for try await event in model.answer(request) { await deliver(id, .event(event)) }
      } catch is CancellationError {
      } catch { await deliver(id, .failure(error.reason, logged: error.printed)) }
    }
  }

  /// Returns a text, and whether it answers the request.
  private static func answerWithoutModel(
    _ intent: Intent, _ context: SceneContext
  ) -> (text: String, isAnswer: Bool) {
    guard case .describe = intent else {
      return ("No language model is configured ('language_model: address').", false)
    }
    let gazed = context.gazed.map { "\($0.label), \(Int(($0.confidence * 100).rounded())) %" }
    return (gazed ?? "I see nothing there that I know.", true)
  }

  /// Returns a message as the session records it: its role and text, and the size of its picture.
  private static func record(of message: ChatMessage) -> String {
    let picture = message.picture.isEmpty ? "" : " (with an image of \(message.picture.count) bytes)"
    return "[\(message.role.rawValue)]\(picture)\n\(message.text)"
  }

  /// Ends the answer in progress and marks it as interrupted.
  func interrupt() {
    guard let current = answer else { return }
    current.task?.cancel()
    if !current.text.isEmpty { publish(.interrupted) }
    answer = nil
  }

  /// Deletes the conversation: the next request contains no earlier turns.
  func forget() {
    interrupt()
    conversation.clear()
  }

  /// Takes an event of the model.
  ///
  /// - Returns: whether it completed an answer, so that a question may follow.
  func receive(_ id: UInt64, _ delivery: Delivery) -> Bool {
    guard answer?.id == id else { return false }
    switch delivery {
    case .event(.text(let piece)):
      answer?.text += piece
      if annotations.now.nanoseconds - (answer?.published ?? 0) >= Self.publicationInterval {
        publish(.partial)
      }
    case .event(.restarted(let reason)):
      log.notice("the language model's answer starts again: \(reason)")
      answer?.text = ""
    case .event(.ended(let ending)):
      complete(ending)
      return true
    case .failure(let reason, let logged):
      log.warning("\(logged)")
      if answer?.text.isEmpty == true {
        answer?.text = "No answer: \(reason)"
      } else {
        // What was published stays the beginning of the text.
        let text = answer?.text ?? ""
        answer?.text = "\(text)\(text.last?.isWhitespace == true ? "" : " ")(interrupted: \(reason))"
      }
      publish(.interrupted)
      answer = nil
    }
    return false
  }

  private func complete(_ ending: ChatEnding) {
    if answer?.text.isEmpty == true {
      let hint =
        ending.isCutByLength
        ? "; its tokens were used up before the answer, raise 'language_model: max_tokens'" : ""
      let reason = "the language model sent no text (finish reason '\(ending.reason)')\(hint)"
      log.warning("\(reason)")
      answer?.text = "No answer: \(reason)"
      publish(.interrupted)
      answer = nil
      return
    }
    // An answer that reached the limit of its length is not complete.
    publish(ending.isComplete ? .final : .interrupted)
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

  private func publish(_ state: Annotation.TextState) {
    guard let current = answer else { return }
    let time = annotations.now
    answer?.published = time.nanoseconds
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
