/// Builds the messages for a language model, within a budget of tokens.
public struct PromptBuilder: Sendable {
  public var template: PromptTemplate
  /// Tokens for all messages together.
  public var budget: Int
  /// Whether the picture of the gazed-at region is sent.
  public var sendsPicture: Bool

  public init(template: PromptTemplate, budget: Int = 2000, sendsPicture: Bool = false) {
    self.template = template
    self.budget = budget
    self.sendsPicture = sendsPicture
  }

  /// Estimates the tokens of a text from above: models' vocabularies differ; three bytes a token suffice for most
  /// languages with letters, one character a token for the others.
  public static func tokens(_ text: String) -> Int {
    let wide = text.unicodeScalars.count { $0.value > 0x2E7F }
    return wide + (text.utf8.count - wide * 3 + 2) / 3 + 4
  }

  /// Returns the messages. To fit the budget, the oldest turns are left out first, then the findings of lowest confidence.
  public func messages(
    _ question: String, scene: SceneContext, turns: [Conversation.Turn], mark: String
  ) -> [ChatMessage] {
    var scene = scene
    scene.objects.sort { $0.confidence > $1.confidence }
    scene.writing.sort { $0.confidence > $1.confidence }
    let question = String(question.prefix(max(40, budget)))
    var turns = turns
    var system = template.render(scene, mark: mark)
    func total() -> Int {
      Self.tokens(system) + Self.tokens(question) + turns.reduce(0) { $0 + Self.tokens($1.text) }
    }
    while total() > budget {
      if !turns.isEmpty {
        turns.removeFirst()
      } else if !scene.writing.isEmpty {
        scene.writing.removeLast()
      } else if !scene.objects.isEmpty {
        scene.objects.removeLast()
      } else {
        break
      }
      system = template.render(scene, mark: mark)
    }
    var messages = [ChatMessage(role: .system, text: system)]
    messages += turns.map { ChatMessage(role: $0.isUser ? .user : .assistant, text: $0.text) }
    var last = ChatMessage(role: .user, text: question)
    if sendsPicture, !scene.picture.isEmpty { last.picture = scene.picture }
    return messages + [last]
  }
}
