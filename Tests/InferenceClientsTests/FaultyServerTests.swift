import Dialogue
import Foundation
import Testing

@testable import InferenceClients

/// The client of chat completions and servers that are strict, do not stream, or fail.
@Suite struct FaultyServerTests {
  private struct Outcome {
    var text = ""
    var restarts = 0
    var ending: ChatEnding?
    var error: ChatError?
  }

  private static func event(_ content: String, finish: String = "null") -> String {
    "data: {\"choices\":[{\"delta\":{\"content\":\(content)},\"finish_reason\":\(finish)}]}\n\n"
  }

  private static let answer = FaultyChatServer.Reply(
    parts: [event("\"Hello\""), event("\" there\""), event("null", finish: "\"stop\""), "data: [DONE]\n\n"])

  private static func refusal(_ status: Int, _ json: String) -> FaultyChatServer.Reply {
    FaultyChatServer.Reply(status: status, type: "application/json", parts: [json])
  }

  /// Asks a server, with a limit of 1 s between parts of the answer.
  private func ask(
    _ server: FaultyChatServer, times: Int = 1, retries: Int = 0,
    change: (inout ChatClient.Options) -> Void = { _ in }
  ) async -> Outcome {
    var options = ChatClient.Options(address: "http://127.0.0.1:\(server.port)/v1")
    options.retries = retries
    options.idleTimeout = 1
    change(&options)
    let client = ChatClient(options, name: "m")
    var outcome = Outcome()
    for _ in 0..<times {
      outcome = Outcome()
      let request = ChatRequest(
        model: "m", messages: [ChatMessage(role: .user, text: "x")], maximumTokens: 9, temperature: 0.5)
      do {
        for try await event in client.answer(request) {
          switch event {
          case .text(let piece): outcome.text += piece
          case .restarted:
            outcome.restarts += 1
            outcome.text = ""
          case .ended(let ending): outcome.ending = ending
          }
        }
      } catch { outcome.error = error as? ChatError }
    }
    await client.shutdown()
    return outcome
  }

  @Test func aStrictServerIsSentWhatItAcceptsFromTheSecondAttemptOn() async throws {
    let server = try FaultyChatServer { request in
      if request["max_tokens"] != nil {
        return Self.refusal(
          400,
          "{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.\",\"param\":\"max_tokens\"}}"
        )
      }
      if request["stream_options"] != nil {
        return Self.refusal(
          422,
          "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"stream_options\"],\"msg\":\"Extra inputs are not permitted\"}]}"
        )
      }
      return Self.answer
    }
    let outcome = await ask(server, times: 2)
    #expect(outcome.text == "Hello there" && outcome.ending?.reason == "stop")
    // Two refusals, then each question takes one request.
    #expect(server.requests.count == 4)
    #expect(server.requests.last?.contains("max_completion_tokens") == true)
    #expect(server.requests.last?.contains("stream_options") == false)
  }

  @Test func aFieldThatIsRefusedInEachFormEndsWithTheServersText() async throws {
    let server = try FaultyChatServer { _ in Self.refusal(400, "{\"error\":\"max_tokens is not supported\"}")
    }
    let outcome = await ask(server)
    #expect(outcome.error?.kind == .lasting && server.requests.count <= 4)
    #expect(outcome.error?.description.contains("max_tokens is not supported") == true)
  }

  @Test func theConfigurationDecidesOnTheFirstRequest() async throws {
    let server = try FaultyChatServer { request in
      request["stream"] as? Bool == true
        ? Self.answer
        : Self.refusal(
          200, "{\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"stop\"}]}")
    }
    let outcome = await ask(server) {
      $0.quirks = ServerQuirks.Server.openAI.quirks
      $0.quirks.streams = false
    }
    #expect(outcome.text == "whole" && server.requests.count == 1)
    #expect(server.requests.first == ["model", "messages", "max_completion_tokens", "temperature", "stream"])
  }

  @Test func aServerMayIgnoreTheWishForAStream() async throws {
    let server = try FaultyChatServer { _ in
      Self.refusal(200, "{\"choices\":[{\"message\":{\"content\":\"<think>x</think>whole\"}}]}")
    }
    #expect(await ask(server).text == "whole")
  }

  @Test func anErrorWithStatus200IsNoAnswer() async throws {
    let server = try FaultyChatServer { _ in
      Self.refusal(200, "{\"error\":{\"code\":400,\"message\":\"the request exceeds the context\"}}")
    }
    let outcome = await ask(server, retries: 3)
    #expect(outcome.error?.kind == .lasting && server.requests.count == 1)
    #expect(outcome.error?.description.contains("the request exceeds the context") == true)
  }

  /// The connection stays open, or breaks, after the reason of the end.
  @Test(arguments: [true, false])
  func nothingIsAwaitedAfterTheEnd(_ hangs: Bool) async throws {
    let server = try FaultyChatServer { _ in
      var reply = Self.answer
      reply.parts.removeLast()
      reply.hangs = hangs
      return reply
    }
    let start = ContinuousClock.now
    let outcome = await ask(server, retries: 3)
    #expect(outcome.text == "Hello there" && outcome.ending?.reason == "stop" && outcome.error == nil)
    #expect(server.requests.count == 1 && ContinuousClock.now - start < .seconds(5))
  }

  @Test func reasoningWithoutItsOpeningTagIsTakenBack() async throws {
    let server = try FaultyChatServer { _ in
      FaultyChatServer.Reply(
        parts: [
          Self.event("\"they ask, so \""), Self.event("\"</thi\""), Self.event("\"nk>\\n\\nHello\""),
          "data: [DONE]\n\n",
        ])
    }
    let outcome = await ask(server)
    #expect(outcome.text == "Hello" && outcome.restarts == 1)
  }
}
