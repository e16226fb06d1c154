import Foundation

/// One event of a streamed completion, or a whole completion. Every field is optional, since servers leave different ones
/// out.
struct ChatChunk {
  /// Not joined with the text of other events (`SplitSurrogates`); nil for none.
  var text: String?
  var hasHalves = false
  var finish: String?
  var promptTokens: Int?
  var answerTokens: Int?

  /// Parses an event.
  ///
  /// - Returns: nil for JSON that is no object, which clients of other makers ignore.
  /// - Throws: `ChatError` for an error that the server sends inside the stream, and for an event that is no JSON.
  init?(event: String) throws(ChatError) {
    let (protected, hasHalves) = SplitSurrogates.protect(event)
    guard
      let value = try? JSONSerialization.jsonObject(with: Data(protected.utf8), options: .fragmentsAllowed)
    else {
      // Temporary: the answer of a repeated request replaces the text so far.
      throw ChatError(.passing(after: nil), "the server sent an event that is no JSON: \(event.prefix(80))")
    }
    guard let object = value as? [String: Any] else { return nil }
    if let error = ServerErrorShape.error(in: object) {
      throw ChatError(.interrupted, "the server ended the answer early: \(Self.message(error))")
    }
    let choice = Self.choice(object)
    if let error = choice?["error"], !(error is NSNull) {
      throw ChatError(.interrupted, "the server ended the answer early: \(Self.message(error))")
    }
    self.init(choice, usage: object["usage"], hasHalves)
  }

  /// Parses the body of a server that does not stream, or that answers with an error.
  ///
  /// - Throws: `ChatError` for the server's error, and for a body that is no completion.
  init(body: [UInt8]) throws(ChatError) {
    let text = String(decoding: body, as: UTF8.self)
    let (protected, hasHalves) = SplitSurrogates.protect(text)
    guard let value = try? JSONSerialization.jsonObject(with: Data(protected.utf8)) else {
      throw ChatError(
        .interrupted, "the answer is truncated: it begins '\(text.prefix(80))' and is no complete JSON")
    }
    guard let object = value as? [String: Any], ServerErrorShape.error(in: object) == nil else {
      let error = (value as? [String: Any]).flatMap { ServerErrorShape.error(in: $0) } ?? value
      let sentence = "the language model's server answered with an error: \(Self.message(error))"
      let status = ServerErrorShape.status(of: error)
      throw ChatError(status.map(RetryAdvice.isPassing) == true ? .passing(after: nil) : .lasting, sentence)
    }
    guard let choice = Self.choice(object) else {
      throw ChatError(
        .lasting,
        "the server's answer is no chat completion: \(text.prefix(80)); check 'language_model: address'")
    }
    self.init(choice, usage: object["usage"], hasHalves)
    finish = finish ?? "stop"
  }

  private init(_ choice: [String: Any]?, usage: Any?, _ hasHalves: Bool) {
    let message = choice?["delta"] as? [String: Any] ?? choice?["message"] as? [String: Any]
    let content = message.flatMap { Self.text($0["content"]) ?? Self.text($0["refusal"]) }
    text = content ?? Self.text(choice?["text"])
    self.hasHalves = hasHalves
    // Some servers send an empty reason with every event.
    finish = (choice?["finish_reason"] as? String).flatMap { $0.isEmpty ? nil : $0 }
    if let usage = usage as? [String: Any] {
      promptTokens = (usage["prompt_tokens"] as? NSNumber)?.intValue
      answerTokens = (usage["completion_tokens"] as? NSNumber)?.intValue
    }
  }

  /// The first of several answers; the request asks for one.
  private static func choice(_ object: [String: Any]) -> [String: Any]? {
    let choices = (object["choices"] as? [Any] ?? []).compactMap { $0 as? [String: Any] }
    return choices.first { ($0["index"] as? NSNumber)?.intValue ?? 0 == 0 }
  }

  /// Returns the text of a message's content: a text, or a list of texts and parts `{"type": "text", "text": "…"}`. Parts of
  /// other types, such as Mistral's `thinking`, are left out.
  private static func text(_ content: Any?) -> String? {
    switch content {
    case let text as String: return text.isEmpty ? nil : text
    case let list as [Any]:
      let texts = list.compactMap { part -> String? in
        if let text = part as? String { return text }
        guard let part = part as? [String: Any] else { return nil }
        guard let type = part["type"] as? String else { return part["text"] as? String }
        switch type {
        case "text", "output_text": return part["text"] as? String
        case "refusal": return part["refusal"] as? String
        default: return nil
        }
      }
      return texts.isEmpty ? nil : texts.joined()
    default: return nil
    }
  }

  /// Returns the text of an error.
  static func message(_ error: Any) -> String {
    String((ServerErrorShape.text(in: error) ?? "no reason given").prefix(300))
  }
}
