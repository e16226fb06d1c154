/// Assembles a completion from its events, or from the one body of a server that does not stream.
public struct ChatStream: Sendable {
  private enum Form {
    /// Nothing but white space came.
    case unknown
    case events(EventStreamDecoder)
    /// The body so far.
    case body([UInt8])
  }
  private var form = Form.unknown
  private var surrogates = SplitSurrogates()
  private var reasoning = ReasoningFilter()
  private var finish: String?
  private var usage: (prompt: Int?, answer: Int?) = (nil, nil)
  /// The first bytes of the stream, for an error.
  private var beginning: [UInt8] = []
  private var hasEvents = false
  private var size = 0
  private var isDone = false

  /// Bytes of an answer, at most.
  private static let maximumSize = 64 << 20
  /// Bytes of a body that is no stream, at most.
  private static let maximumBody = 4 << 20

  public init() {}

  /// Parses bytes of the stream.
  ///
  /// - Returns: the parts of the answer's text that they complete.
  public mutating func feed(_ bytes: some Collection<UInt8>) throws(ChatError) -> [String] {
    size += bytes.count
    guard size <= Self.maximumSize else {
      throw ChatError(.interrupted, "the answer has more than \(Self.maximumSize >> 20) MiB")
    }
    if beginning.count < 80 { beginning += bytes.prefix(80 - beginning.count) }
    if case .unknown = form { form = Self.form(of: bytes) }
    switch form {
    case .unknown: return []
    case .body(var body):
      guard body.count + bytes.count <= Self.maximumBody else {
        throw ChatError(.lasting, "the server sent a body of more than \(Self.maximumBody >> 20) MiB")
      }
      // A second owner of the bytes would make each append copy them.
      form = .unknown
      body += body.isEmpty ? Array(bytes.drop { $0 > 0x7F || $0 < 0x21 }) : Array(bytes)
      form = .body(body)
      return []
    case .events(var decoder):
      form = .unknown
      defer { form = .events(decoder) }
      var texts: [String] = []
      for event in try decoder.feed(bytes) where !isDone {
        do throws(ChatError) { try take(event, &texts) } catch {
          // What follows the end of an answer does not undo the answer.
          guard hasFinished else { throw error }
          isDone = true
        }
      }
      return texts
    }
  }

  /// A line of an event stream begins with the name of a field or with a colon; JSON does not.
  private static func form(of bytes: some Collection<UInt8>) -> Form {
    let isMark = { (byte: UInt8) in [0xEF, 0xBB, 0xBF, 0x09, 0x0A, 0x0D, 0x20].contains(byte) }
    guard let first = bytes.first(where: { !isMark($0) }) else {
      return .unknown
    }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
      ? .body([]) : .events(EventStreamDecoder())
  }

  private mutating func take(_ event: String, _ texts: inout [String]) throws(ChatError) {
    let trimmed = event.drop(while: \.isWhitespace)
    if trimmed.isEmpty { return }
    hasEvents = true
    if trimmed.hasPrefix("[DONE]") {
      isDone = true
      return
    }
    if let chunk = try ChatChunk(event: event) { take(chunk, &texts) }
  }

  private mutating func take(_ chunk: ChatChunk, _ texts: inout [String]) {
    if let text = chunk.text {
      let wasVoid = reasoning.isVoid
      let visible = reasoning.take(surrogates.join(text, hasHalves: chunk.hasHalves))
      // Earlier events of the same bytes were reasoning too.
      if reasoning.isVoid, !wasVoid { texts = [] }
      if !visible.isEmpty { texts.append(visible) }
    }
    finish = chunk.finish ?? finish
    usage = (chunk.promptTokens ?? usage.prompt, chunk.answerTokens ?? usage.answer)
  }

  /// Whether all text so far was reasoning and must be dropped, before that of the last `feed` or `rest`; asked once.
  public mutating func takeVoid() -> Bool { reasoning.takeVoid() }

  /// Returns the text that is known only at the end; before `end`.
  ///
  /// - Throws: `ChatError` for a body that is no completion.
  public mutating func rest() throws(ChatError) -> String {
    var texts: [String] = []
    if case .body(let body) = form {
      form = .body([])
      take(try ChatChunk(body: body), &texts)
      isDone = true
      hasEvents = true
    }
    texts.append(reasoning.take(surrogates.end()) + reasoning.end())
    return texts.joined()
  }

  /// Ends the stream.
  ///
  /// - Throws: `ChatError` for a truncated answer; its HTTP response may have ended well nevertheless.
  public func end() throws(ChatError) -> ChatEnding {
    // Clients of other makers take the end mark for the end of the answer, whatever came before it.
    if let reason = finish ?? (isDone ? "stop" : nil) {
      return ChatEnding(reason: reason, promptTokens: usage.prompt, answerTokens: usage.answer)
    }
    guard hasEvents else {
      let text = String(decoding: beginning, as: UTF8.self)
      throw size == 0
        ? ChatError(.interrupted, "the server sent an empty answer")
        : ChatError(
          .lasting,
          "the server's answer is no chat completion: \(text); check 'language_model: address'")
    }
    throw ChatError(.interrupted, "the answer is truncated: the server sent no finish reason")
  }

  public var hasEnded: Bool { isDone }

  /// Whether the server named the reason of the end: what fails afterwards does not matter.
  public var hasFinished: Bool { finish != nil || isDone }
}
