import Dialogue
import Foundation
import Sensing
import Spatial

/// Composes the messages for the language model from a question and the scene around it.
struct PromptComposer: Sendable {
  private let builder: PromptBuilder
  private let settings: LanguageSettings
  private let scene: RecentAnnotations
  private let head: @Sendable (Timestamp) -> Pose?
  private let picture: @Sendable (Annotation.Region?) -> [UInt8]
  private let model: String?

  /// - Parameters:
  ///   - model: identity of the language model; nil without one.
  ///   - head: returns the pose of the head at a time, world frame.
  ///   - picture: returns a region of a camera's latest frame, or the whole frame, as JPEG; empty without a frame.
  init(
    settings: LanguageSettings, template: PromptTemplate, model: String?, scene: RecentAnnotations,
    head: @escaping @Sendable (Timestamp) -> Pose?,
    picture: @escaping @Sendable (Annotation.Region?) -> [UInt8]
  ) {
    builder = PromptBuilder(
      template: template, budget: settings.contextTokens, sendsPicture: settings.sendsPicture)
    self.settings = settings
    self.model = model
    self.scene = scene
    self.head = head
    self.picture = picture
  }

  /// Returns the scene at a time: gazed object, other annotations, pose of the head, and a picture where configured.
  func context(at time: Timestamp) -> SceneContext {
    let head = head(time)
    var context = scene.context(head: head, at: time)
    if settings.sendsPicture {
      context.picture = picture(head.flatMap { scene.gazed(from: $0, at: time) }?.region)
    }
    return context
  }

  func messages(_ question: String, context: SceneContext, turns: [Conversation.Turn]) -> [ChatMessage] {
    builder.messages(question, scene: context, turns: turns, mark: Self.mark())
  }

  /// Returns the messages that a question would send now, without earlier turns.
  func preview(_ question: String, intent: Intent?, at time: Timestamp) -> PromptPreview {
    let messages = messages(question, context: context(at: time), turns: [])
    return PromptPreview(
      messages: messages, tokens: messages.reduce(0) { $0 + PromptBuilder.tokens($1.text) },
      destination: model.map { "\($0) at \(settings.address ?? "")" } ?? "", intent: intent)
  }

  /// Returns a tag that surrounds data in a prompt; random, so that text in the scene cannot close it.
  private static func mark() -> String { "<data-" + UUID().uuidString.lowercased().prefix(13) + ">" }
}
