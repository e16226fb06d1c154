public import Diagnostics
import Foundation

/// One message of a chat.
public struct ChatMessage: Sendable, Equatable {
  public enum Role: String, Sendable { case system, user, assistant }

  public var role: Role
  public var text: String
  /// JPEG; empty for none.
  public var picture: [UInt8] = []

  public init(role: Role, text: String) {
    self.role = role
    self.text = text
  }
}

/// A request to an OpenAI-compatible `/chat/completions`.
public struct ChatRequest: Sendable, Equatable {
  public var model: String
  public var messages: [ChatMessage]
  public var maximumTokens: Int
  public var temperature: Double?

  public init(model: String, messages: [ChatMessage], maximumTokens: Int = 200, temperature: Double? = nil) {
    self.model = model
    self.messages = messages
    self.maximumTokens = maximumTokens
    self.temperature = temperature
  }

  private struct Body: Encodable {
    struct Message: Encodable {
      struct Part: Encodable {
        struct Address: Encodable { var url: String }
        var type: String
        var text: String?
        var imageURL: Address?
        enum CodingKeys: String, CodingKey {
          case type, text
          case imageURL = "image_url"
        }
      }
      var role: String
      var text: String
      var parts: [Part]?

      enum Key: String, CodingKey { case role, content }
      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(role, forKey: .role)
        if let parts {
          try container.encode(parts, forKey: .content)
        } else {
          try container.encode(text, forKey: .content)
        }
      }
    }
    struct Options: Encodable {
      var includesUsage = true
      enum CodingKeys: String, CodingKey { case includesUsage = "include_usage" }
    }
    var model: String
    var messages: [Message]
    var maximumTokens: Int?
    var maximumCompletionTokens: Int?
    var temperature: Double?
    var stream: Bool
    var options: Options?
    enum CodingKeys: String, CodingKey {
      case model, messages, temperature, stream
      case maximumTokens = "max_tokens"
      case maximumCompletionTokens = "max_completion_tokens"
      case options = "stream_options"
    }
  }

  /// Encodes the request's body for a server.
  public func json(for server: ServerQuirks = ServerQuirks()) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let body = Body(
      model: model,
      messages: messages.map { message in
        guard !message.picture.isEmpty else {
          return Body.Message(role: message.role.rawValue, text: message.text)
        }
        let address = "data:image/jpeg;base64," + Data(message.picture).base64EncodedString()
        return Body.Message(
          role: message.role.rawValue, text: "",
          parts: [
            Body.Message.Part(type: "text", text: message.text),
            Body.Message.Part(type: "image_url", imageURL: Body.Message.Part.Address(url: address)),
          ])
      },
      maximumTokens: server.tokenLimit == .maxTokens ? maximumTokens : nil,
      maximumCompletionTokens: server.tokenLimit == .maxCompletionTokens ? maximumTokens : nil,
      temperature: server.sendsTemperature ? temperature : nil, stream: server.streams,
      options: server.streams && server.sendsStreamOptions ? Body.Options() : nil)
    return Array(try encoder.encode(body))
  }
}

/// A model that answers chats.
public protocol LanguageModel: Sendable {
  /// Address and model, for annotations.
  var identity: String { get }
  /// Streams the answer. Ending the iteration cancels the request at the server.
  func answer(_ request: ChatRequest) -> AsyncThrowingStream<ChatEvent, any Error>
}

/// An event of a streamed answer.
public enum ChatEvent: Sendable, Equatable {
  case text(String)
  /// The text so far is void: the request is sent again.
  case restarted(reason: String)
  case ended(ChatEnding)
}

/// How an answer ended.
public struct ChatEnding: Sendable, Equatable {
  /// `stop`, `length`, `content_filter`, …
  public var reason: String
  public var promptTokens: Int?
  public var answerTokens: Int?

  public init(reason: String, promptTokens: Int?, answerTokens: Int?) {
    self.reason = reason
    self.promptTokens = promptTokens
    self.answerTokens = answerTokens
  }

  /// Whether a limit of the length ended the answer.
  public var isCutByLength: Bool {
    ["length", "max_tokens", "max_output_tokens", "model_length"].contains(reason.lowercased())
  }

  /// Whether the answer is all that the model had to say: servers have many names for the regular end.
  public var isComplete: Bool {
    !isCutByLength
      && !["content_filter", "safety", "error", "abort", "cancelled"].contains(reason.lowercased())
  }
}

/// A language model gave no answer, or an incomplete one.
public struct ChatError: CodedError, Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// The server is temporarily unavailable: a repeated request may succeed, after the given number of seconds.
    case passing(after: Double?)
    /// The server rejects the request: a repeated request fails again.
    case lasting
    /// The answer ended early: the received text stays, marked as incomplete.
    case interrupted
  }
  public var kind: Kind
  public var description: String

  public var code: String {
    switch kind {
    case .passing: "language-model-unavailable"
    case .lasting: "language-model-refused"
    case .interrupted: "language-model-interrupted"
    }
  }

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
