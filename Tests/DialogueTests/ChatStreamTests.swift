import Foundation
import Testing

@testable import Dialogue

/// Streams as servers of several makers send them.
@Suite struct ChatStreamTests {
  /// What a stream gave.
  private struct Answer: Equatable {
    var text = ""
    var reason = ""
  }

  /// Runs a stream in parts of `size` bytes.
  private func run(_ stream: String, size: Int = .max) throws -> Answer {
    var chat = ChatStream()
    var answer = Answer()
    func add(_ texts: [String]) {
      if chat.takeVoid() { answer.text = "" }
      answer.text += texts.joined()
    }
    var rest = Array(stream.utf8)[...]
    while !rest.isEmpty {
      add(try chat.feed(Array(rest.prefix(size))))
      rest = rest.dropFirst(size)
    }
    add([try chat.rest()])
    answer.reason = try chat.end().reason
    return answer
  }

  private func delta(_ content: String, finish: String = "null") -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\(content)},\"finish_reason\":\(finish)}]}\n\n"
  }

  private var end: String { delta("null", finish: "\"stop\"") + "data: [DONE]\n\n" }

  /// The message of the error that a stream gives.
  private func error(_ stream: String) -> ChatError? {
    do {
      _ = try run(stream)
      return nil
    } catch { return error as? ChatError }
  }

  @Test(
    arguments: [
      "data: null\n\n", "data: 7\n\n", "data: [1]\n\n", "data: \"x\"\n\n", "data: \n\n", "data:\n\n",
      "data:   \n\n", ": ping\n\n", "event: ping\n\n", "data: {}\n\n", "data: {\"choices\":null}\n\n",
      "data: {\"choices\":[null]}\n\n", "data: {\"choices\":[{\"delta\":null}]}\n\n",
      "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n",
      "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"WRONG\"}}]}\n\n",
      "data: {\"error\":null,\"choices\":[]}\n\n", "data: {\"error\":{},\"choices\":[]}\n\n",
    ])
  func eventsWithoutTextDoNotEndAnAnswer(_ event: String) throws {
    let answer = try run(event + delta("\"Hello\"") + event + delta("\" there\"") + event + end)
    #expect(answer == Answer(text: "Hello there", reason: "stop"))
  }

  @Test(arguments: ["data: [DONE]\n\n", "data: [DONE] \n\n", "data:  [DONE]\n\n", "data:[DONE]\n\n"])
  func theEndMarkEndsAnAnswerInEachForm(_ mark: String) throws {
    #expect(try run(delta("\"Hi\"") + mark + delta("\"late\"")) == Answer(text: "Hi", reason: "stop"))
  }

  @Test func whatFollowsTheEndDoesNotUndoAnAnswer() throws {
    let finished = delta("\"Hi\"") + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    for rest in ["data: {x\n\n", "data: {\"error\":\"gone\"}\n\n"] {
      #expect(try run(finished + rest, size: 1000) == Answer(text: "Hi", reason: "stop"))
    }
  }

  @Test func contentMayBeAList() throws {
    let parts =
      "[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"secret\"}]},{\"type\":\"text\",\"text\":\"Hello\"},\" there\",null]"
    #expect(try run(delta(parts) + end).text == "Hello there")
    #expect(try run(delta("[]") + delta("\"x\"") + end).text == "x")
  }

  /// The tags are divided at every position.
  @Test(arguments: [
    ("<think>\nthe user asks\n</think>\n\nHello there", "Hello there"),
    ("  <think>a</think>Hello <thinking>b</thinking>there", "Hello there"),
    ("[THINK]a < b[/THINK] Hello there", "Hello there"),
    ("the user asks, so\n</think>\nHello there", "Hello there"),
    ("a < b and <b> [1] <thin", "a < b and <b> [1] <thin"), ("<think>never closed", ""),
    ("Use <think> here", "Use <think> here"), ("Hi <think>a</think>there", "Hi there"),
  ])
  func reasoningIsLeftOut(_ content: String, _ visible: String) throws {
    for cut in content.indices {
      let events = try [content[..<cut], content[cut...]].map { part in
        delta(String(decoding: try JSONEncoder().encode(String(part)), as: UTF8.self))
      }
      #expect(try run(events.joined() + end).text == visible, "cut before '\(content[cut...])'")
    }
    let letters = try content.map {
      delta(String(decoding: try JSONEncoder().encode(String($0)), as: UTF8.self))
    }
    #expect(try run(letters.joined() + end).text == visible)
  }

  @Test func manyBeginningsOfTagsCostLinearTime() throws {
    let start = ContinuousClock.now
    let text = String(repeating: "<[<thin", count: 20_000)
    #expect(try run(delta("\"\(text)\"") + end).text == text)
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  @Test func halvesOfCharactersAreJoined() throws {
    let rocket = delta("\"a \\ud83d\"") + delta("\"\\ude80 b\"") + end
    for size in [1, 7, 1000] { #expect(try run(rocket, size: size).text == "a 🚀 b") }
    #expect(try run(delta("\"\\ud83d\\ude80\"") + end).text == "🚀")
    // Halves without their other half, and a backslash before a `u`.
    #expect(try run(delta("\"a\\ud83d\"") + delta("\"b\\ude80\"") + end).text == "a\u{FFFD}b\u{FFFD}")
    #expect(try run(delta("\"\\\\ud83d\"") + delta("\"x\\ud83d\"") + end).text == "\\ud83dx\u{FFFD}")
  }

  @Test(arguments: [
    "{\"error\":{\"code\":400,\"message\":\"too long\",\"type\":\"x\"}}", "{\"error\":\"too long\"}",
    "{\"object\":\"error\",\"message\":\"too long\",\"code\":400}", "{\"detail\":\"too long\"}",
    "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"too long\"}]}", "{\"errors\":[{\"message\":\"too long\"}]}",
    "{\"message\":\"too long\"}", "{\"error\":{\"message\":{\"error\":{\"message\":\"too long\"}}}}",
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"too long\"}}",
    "{\"statusCode\":400,\"message\":\"too long\",\"error\":\"Bad Request\"}",
    "{\"error\":true,\"message\":\"too long\"}",
    "{\"error\":[\"too long\"],\"choices\":[]}", "{\"choices\":[{\"error\":{\"message\":\"too long\"}}]}",
  ])
  func errorsInEachShapeReachTheUser(_ json: String) {
    for stream in ["data: \(json)\n\ndata: [DONE]\n\n", "event: error\ndata: \(json)\n\n"] {
      #expect(error(stream)?.description.contains("too long") == true, "\(stream)")
    }
    // The same in place of a stream.
    if !json.contains("choices") {
      let refused = error(json)
      #expect(refused?.description.contains("too long") == true && refused?.kind == .lasting, "\(json)")
    }
  }

  @Test func anErrorInAFieldOfItsOwnReachesTheUser() {
    let stream = "error: {\"code\":400,\"message\":\"too long\"}\n\ndata: [DONE]\n\n"
    #expect(error(stream)?.description.contains("too long") == true)
    #expect(error("[{\"error\":{\"code\":429,\"message\":\"quota\"}}]")?.kind == .passing(after: nil))
  }

  @Test func aServerMayAnswerAsAWhole() throws {
    let body =
      "\u{FEFF}\n{\"choices\":[{\"index\":0,\"message\":{\"content\":\"<think>x</think>Hello 🚀\"},\"finish_reason\":\"length\"}],\"usage\":{\"completion_tokens\":3}}"
    for size in [1, 5, 4096] {
      #expect(try run(body, size: size) == Answer(text: "Hello 🚀", reason: "length"))
    }
    #expect(try run("{\"choices\":[{\"message\":{\"content\":\"Hi\"}}]}").reason == "stop")
    #expect(error("{\"choices\":[{\"mess")?.description.contains("truncated") == true)
    #expect(error("{\"models\":[]}")?.description.contains("no chat completion") == true)
    #expect(error("<html>Sign in</html>")?.description.contains("<html>Sign in") == true)
    #expect(error("")?.description == "the server sent an empty answer")
  }

  @Test func aBodyOrAnAnswerWithoutEndIsRejected() {
    var chat = ChatStream()
    let block = [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20)
    #expect(throws: ChatError.self) {
      _ = try chat.feed(Array("{".utf8))
      for _ in 0..<8 { _ = try chat.feed(block) }
    }
    var events = ChatStream()
    #expect(throws: ChatError.self) {
      for _ in 0..<80 { _ = try events.feed(Array(": ping\n".utf8) + block.map { _ in 10 }) }
    }
  }

  @Test func aServerIsSentWhatItAccepts() throws {
    func keys(_ quirks: ServerQuirks) throws -> Set<String> {
      let request = ChatRequest(model: "m", messages: [], maximumTokens: 5, temperature: 1)
      let json = try JSONSerialization.jsonObject(with: Data(try request.json(for: quirks)))
      return Set((json as? [String: Any] ?? [:]).keys)
    }
    let common: Set<String> = ["model", "messages", "stream"]
    #expect(
      try keys(ServerQuirks.Server.auto.quirks)
        == common.union(["max_tokens", "stream_options", "temperature"]))
    #expect(
      try keys(ServerQuirks.Server.openAI.quirks)
        == common.union(["max_completion_tokens", "stream_options", "temperature"]))
    #expect(try keys(ServerQuirks.Server.mistral.quirks) == common.union(["max_tokens", "temperature"]))
    var whole = ServerQuirks()
    (whole.streams, whole.tokenLimit, whole.sendsTemperature) = (false, .none, false)
    #expect(try keys(whole) == common)
  }

  @Test(arguments: [
    ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_completion_tokens"),
    ("Extra inputs are not permitted (body.stream_options)", "no options"),
    ("Unsupported value: 'temperature' does not support 0.5 with this model.", "no temperature"),
    ("Your organization must be verified to stream this model.", "no stream"),
    // About a value, or about something else.
    ("max_tokens is too large: 100000", ""), ("This model's maximum context length is 2048 tokens", ""),
    ("model 'x' not found", ""), ("unknown model 'x'", ""),
  ])
  func refusalsOfFieldsAreUnderstood(_ text: String, _ change: String) {
    let standard = ServerQuirks()
    let adapted = standard.adapted(to: text, tried: [standard])
    var expected: ServerQuirks? = standard
    switch change {
    case "max_completion_tokens": expected?.tokenLimit = .maxCompletionTokens
    case "no options": expected?.sendsStreamOptions = false
    case "no temperature": expected?.sendsTemperature = false
    case "no stream": expected?.streams = false
    default: expected = nil
    }
    #expect(adapted == expected)
    // What was tried is not tried again.
    if let adapted { #expect(standard.adapted(to: text, tried: [standard, adapted]) != adapted) }
  }

  @Test func endingsHaveManyNames() {
    func ending(_ reason: String) -> ChatEnding {
      ChatEnding(reason: reason, promptTokens: nil, answerTokens: nil)
    }
    #expect(["stop", "STOP", "eos_token", "tool_calls", "end_turn"].allSatisfy { ending($0).isComplete })
    #expect(!["length", "MAX_TOKENS", "content_filter", "error"].contains { ending($0).isComplete })
  }
}
