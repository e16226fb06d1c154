import Foundation
import Spatial
import Testing

@testable import Dialogue

@Suite struct EventStreamTests {
  private static let stream =
    "\u{FEFF}: hello\r\ndata: {\"a\": \"grün ✓ 🚀\"}\r\n\r\nevent: x\ndata:one\ndata: two\n\n: keep-alive\n\ndata\n\nid: 7\rdata: three\r\rdata: [DONE]\n\n"
  private static let events = ["{\"a\": \"grün ✓ 🚀\"}", "one\ntwo", "", "three", "[DONE]"]

  @Test func eventsAreTheSameHoweverTheBytesAreDivided() throws {
    let bytes = Array(Self.stream.utf8)
    for cut in 0...bytes.count {
      var decoder = EventStreamDecoder()
      let found = try decoder.feed(bytes[..<cut]) + decoder.feed(bytes[cut...])
      #expect(found == Self.events, "cut at \(cut)")
    }
    var decoder = EventStreamDecoder()
    var found: [String] = []
    for byte in bytes { found += try decoder.feed([byte]) }
    #expect(found == Self.events)
  }

  @Test func anEventWithoutEndIsRejected() {
    var decoder = EventStreamDecoder(limit: 1000)
    #expect(throws: ChatError.self) { _ = try decoder.feed(repeatElement(UInt8(ascii: "x"), count: 2000)) }
  }

  @Test func bytesOfAnyKindDoNotTrap() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<2000 {
      var stream = ChatStream()
      var bytes: [UInt8] = []
      for _ in 0..<200 {
        let state = random.next()
        let pieces = [
          "data: ", "\n", "\r", "{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", "[DONE]", "\"error\":",
          ":", "{", "}",
        ]
        bytes += Array(pieces[Int(state >> 40) % pieces.count].utf8)
        if state >> 60 == 3 { bytes.append(UInt8(truncatingIfNeeded: state >> 33)) }
      }
      _ = try? stream.feed(bytes)
      _ = try? stream.end()
    }
  }

  private func run(_ events: [String]) throws -> (String, ChatEnding) {
    var stream = ChatStream()
    var text = ""
    for event in events { text += try stream.feed(Array("data: \(event)\n\n".utf8)).joined() }
    return (text, try stream.end())
  }

  @Test func anAnswerIsAssembledFromEventsOfSeveralServers() throws {
    let (text, ending) = try run([
      "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}",
      "{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}",
      "{\"choices\":[{\"delta\":{\"content\":\"A \"}}],\"usage\":null}",
      "{\"choices\":[{\"delta\":{\"content\":\"cup\"},\"finish_reason\":null}]}",
      "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}", "[DONE]",
      "not json after the end",
    ])
    #expect(text == "A cup")
    #expect(ending == ChatEnding(reason: "stop", promptTokens: 12, answerTokens: 3))
  }

  @Test func anAnswerWithoutFinishReasonIsTruncatedUnlessTheServerMarksItsEnd() throws {
    let event = "{\"choices\":[{\"delta\":{\"content\":\"A \"},\"finish_reason\":\"\"}]}"
    #expect(throws: ChatError(.interrupted, "the answer is truncated: the server sent no finish reason")) {
      try run([event])
    }
    let (text, ending) = try run([event, "[DONE]"])
    #expect(text == "A " && ending.reason == "stop")
  }

  @Test(arguments: [
    (
      "{\"error\":{\"message\":\"overloaded\",\"code\":\"x\"}}",
      "the server ended the answer early: overloaded"
    ),
    ("{\"error\":{\"message\":\"bad\",\"code\":400}}", "the server ended the answer early: bad"),
    ("{\"error\":\"plain\"}", "the server ended the answer early: plain"),
  ])
  func errorsInsideTheStreamAreThrown(_ event: String, _ sentence: String) {
    #expect(throws: ChatError(.interrupted, sentence)) { try run([event]) }
  }

  @Test func anEventThatIsNoJSONIsTemporary() {
    #expect(
      throws: ChatError(
        .passing(after: nil), "the server sent an event that is no JSON: {\"choices\":[{\"del")
    ) {
      try run(["{\"choices\":[{\"del"])
    }
  }

  @Test func retryAfterIsParsedInEachForm() {
    let now = Date(timeIntervalSince1970: 784_111_777)
    #expect(RetryAdvice.seconds(["retry-after-ms": "250", "retry-after": "9"], now: now) == 0.25)
    #expect(RetryAdvice.seconds(["retry-after": "2"], now: now) == 2)
    #expect(RetryAdvice.seconds(["retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"], now: now) == 10)
    #expect(RetryAdvice.seconds(["retry-after": "Sunday, 06-Nov-94 08:49:47 GMT"], now: now) == 10)
    #expect(RetryAdvice.seconds(["retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"], now: now) == 0)
    #expect(RetryAdvice.seconds(["retry-after": "soon"], now: now) == nil)
    #expect(RetryAdvice.seconds(["retry-after": "-1"], now: now) == nil)
    #expect(RetryAdvice.seconds([:], now: now) == nil)
    #expect([408, 409, 429, 500, 503].allSatisfy(RetryAdvice.isPassing))
    #expect(![400, 401, 403, 404, 422].contains(where: RetryAdvice.isPassing))
  }
}
