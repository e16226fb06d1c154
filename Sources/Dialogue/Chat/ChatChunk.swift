import Foundation

/// One event of a streamed completion, read leniently: servers differ in what they leave out.
struct ChatChunk {
  var text: String?
  var finish: String?
  var promptTokens: Int?
  var answerTokens: Int?

  /// - Throws: the server's error inside the stream, or that the event is no JSON.
  init(_ event: String) throws(ChatFault) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(event.utf8)) as? [String: Any] else {
      // Asked again, an answer without the fault replaces what came.
      throw ChatFault(.passing(after: nil), "the server sent what is no JSON: \(event.prefix(80))")
    }
    if let error = object["error"], !(error is NSNull) {
      throw ChatFault(.interrupted, "the server broke off: \(Self.message(error))")
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

  /// The text of an error object: its code may be a string, a number or missing.
  static func message(_ error: Any) -> String {
    guard let object = error as? [String: Any] else { return String(String(describing: error).prefix(200)) }
    let text = object["message"] as? String ?? object["type"] as? String ?? "it gives no reason"
    return String(text.prefix(300))
  }
}

/// Puts the events of a completion together.
public struct ChatStream: Sendable {
  private var decoder = EventStreamDecoder()
  private var finish: String?
  private var usage: (prompt: Int?, answer: Int?) = (nil, nil)
  private(set) var isDone = false

  public init() {}

  /// - Returns: pieces of text.
  public mutating func feed(_ bytes: some Sequence<UInt8>) throws(ChatFault) -> [String] {
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

  /// The end of the bytes.
  ///
  /// - Throws: when the answer was cut off: HTTP may end cleanly all the same.
  public func end() throws(ChatFault) -> ChatEnding {
    guard let finish else {
      throw ChatFault(.interrupted, "the answer broke off: the server sent no end of it")
    }
    return ChatEnding(reason: finish, promptTokens: usage.prompt, answerTokens: usage.answer)
  }

  public var hasEnded: Bool { isDone }
}

/// When to try again.
public enum RetryAdvice {
  /// - Parameters:
  ///   - headers: by name in small letters.
  ///   - now: for dates.
  /// - Returns: seconds; nil when the server does not say.
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

  /// Statuses after which another try may help.
  public static func isPassing(_ status: Int) -> Bool {
    [408, 409, 425, 429].contains(status) || status >= 500
  }
}
