import Foundation

/// One event of a streamed completion. Every field is optional, since servers leave different ones out.
struct ChatChunk {
  var text: String?
  var finish: String?
  var promptTokens: Int?
  var answerTokens: Int?

  /// Parses an event.
  ///
  /// - Throws: `ChatError` for an error that the server sends inside the stream, and for an event that is no JSON.
  init(_ event: String) throws(ChatError) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(event.utf8)) as? [String: Any] else {
      // Temporary: the answer of a repeated request replaces the text so far.
      throw ChatError(.passing(after: nil), "the server sent an event that is no JSON: \(event.prefix(80))")
    }
    if let error = object["error"], !(error is NSNull) {
      throw ChatError(.interrupted, "the server ended the answer early: \(Self.message(error))")
    }
    let choice = (object["choices"] as? [[String: Any]])?.first
    let delta = choice?["delta"] as? [String: Any] ?? choice?["message"] as? [String: Any]
    text = (delta?["content"] as? String).flatMap { $0.isEmpty ? nil : $0 }
    finish = choice?["finish_reason"] as? String
    if let usage = object["usage"] as? [String: Any] {
      promptTokens = (usage["prompt_tokens"] as? NSNumber)?.intValue
      answerTokens = (usage["completion_tokens"] as? NSNumber)?.intValue
    }
  }

  /// Returns the text of an error object, whose other members differ from server to server.
  static func message(_ error: Any) -> String {
    guard let object = error as? [String: Any] else { return String(String(describing: error).prefix(200)) }
    let text = object["message"] as? String ?? object["type"] as? String ?? "no reason given"
    return String(text.prefix(300))
  }
}

/// Assembles a completion from its events.
public struct ChatStream: Sendable {
  private var decoder = EventStreamDecoder()
  private var finish: String?
  private var usage: (prompt: Int?, answer: Int?) = (nil, nil)
  private(set) var isDone = false

  public init() {}

  /// Parses bytes of the stream.
  ///
  /// - Returns: the parts of the answer's text that they complete.
  public mutating func feed(_ bytes: some Sequence<UInt8>) throws(ChatError) -> [String] {
    var texts: [String] = []
    for event in try decoder.feed(bytes) where !isDone {
      if event == "[DONE]" {
        isDone = true
        continue
      }
      let chunk = try ChatChunk(event)
      if let text = chunk.text { texts.append(text) }
      finish = chunk.finish ?? finish
      usage = (chunk.promptTokens ?? usage.prompt, chunk.answerTokens ?? usage.answer)
    }
    return texts
  }

  /// Ends the stream.
  ///
  /// - Throws: `ChatError` for a truncated answer; its HTTP response may have ended well nevertheless.
  public func end() throws(ChatError) -> ChatEnding {
    guard let finish else {
      throw ChatError(.interrupted, "the answer is truncated: the server sent no finish reason")
    }
    return ChatEnding(reason: finish, promptTokens: usage.prompt, answerTokens: usage.answer)
  }

  public var hasEnded: Bool { isDone }
}

/// When to repeat a request.
public enum RetryAdvice {
  /// Returns the pause in seconds that the server requests; nil when it requests none.
  ///
  /// - Parameters:
  ///   - headers: by name in lower case.
  ///   - now: the time from which a date in a header is counted.
  public static func seconds(_ headers: [String: String], now: Date) -> Double? {
    if let text = headers["retry-after-ms"], let value = Double(text), value.isFinite, value >= 0 {
      return min(value / 1000, 3600)
    }
    guard let text = headers["retry-after"]?.trimmingCharacters(in: .whitespaces) else { return nil }
    if let value = Double(text), value.isFinite, value >= 0 { return min(value, 3600) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    // RFC 9110, §5.6.7.
    for pattern in [
      "EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy",
    ] {
      format.dateFormat = pattern
      if let date = format.date(from: text) { return min(max(0, date.timeIntervalSince(now)), 3600) }
    }
    return nil
  }

  /// Whether a repeated request may succeed after this status.
  public static func isPassing(_ status: Int) -> Bool {
    [408, 409, 425, 429].contains(status) || status >= 500
  }
}
