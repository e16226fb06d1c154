import Dialogue
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import InferenceClients

private let chat = TestPaths.root + "/.build/chat/bin"

/// llmock, another project's simulator of a language model's server: it injects faults and judges its client.
private final class Mock {
  private let process = Process()
  let port: Int

  init(_ arguments: [String] = []) throws {
    port = Int.random(in: 20_000...29_000)
    process.executableURL = URL(fileURLWithPath: chat + "/llmock")
    process.arguments = ["serve", "-p", String(port), "--response-style", "hello"] + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func curl(_ path: String, _ body: String? = nil) async throws -> String {
    var arguments = ["-s", "-m", "5", "http://127.0.0.1:\(port)\(path)"]
    if let body { arguments += ["-H", "content-type: application/json", "-d", body] }
    return try await Program.run("/usr/bin/curl", arguments).output
  }

  func waitUntilReady() async throws {
    for _ in 0..<150 {
      if try await curl("/v1/models").contains("data") { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("llmock did not start")
  }

  var client: ChatClient {
    var options = ChatClient.Options(address: "http://127.0.0.1:\(port)/v1")
    options.key = "test-key-that-is-never-logged"
    options.idleTimeout = 1.5
    options.retries = 3
    return ChatClient(options, name: "gpt-4o-mini")
  }
}

private func request(_ text: String = "hello") -> ChatRequest {
  ChatRequest(model: "gpt-4o-mini", messages: [ChatMessage(role: .user, text: text)], maximumTokens: 60)
}

/// What an answer gave until it ended or failed.
private struct Outcome {
  var text = ""
  var restarts = 0
  var ending: ChatEnding?
  var fault: ChatError?
}

private func collect(_ client: ChatClient, _ request: ChatRequest) async -> Outcome {
  var outcome = Outcome()
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
  } catch { outcome.fault = error as? ChatError ?? ChatError(.lasting, String(describing: error)) }
  return outcome
}

@Suite(
  .enabled(
    if: FileManager.default.fileExists(atPath: chat + "/llmock"),
    "needs the packages that 'make test' installs"))
struct ChatTests {
  @Test func faultsOfAServerAreSurvivedAndTheServerReportsNoViolation() async throws {
    // Slow enough for the server to detect that a client stopped reading.
    let mock = try Mock(["--stream-chunk-delay-ms", "60"])
    try await mock.waitUntilReady()
    let client = mock.client
    func scenario(_ behaviour: String) async throws {
      _ = try await mock.curl("/_llmock/scenario", "{\"behaviors\":[\(behaviour)]}")
    }
    let plain = await collect(client, request())
    #expect(
      plain.text.hasPrefix("Hello") && plain.ending?.reason == "stop" && (plain.ending?.answerTokens ?? 0) > 0
    )

    try await scenario("{\"type\":\"fail\",\"status\":429,\"retry_after\":1,\"times\":1}")
    let start = ContinuousClock.now
    let limited = await collect(client, request())
    #expect(limited.text == plain.text && limited.fault == nil)
    #expect(ContinuousClock.now - start >= .seconds(1))

    try await scenario("{\"type\":\"fail\",\"status\":503,\"times\":2}")
    #expect(await collect(client, request()).text == plain.text)

    // A truncated answer is reported as interrupted, even when its HTTP response ended well.
    try await scenario("{\"type\":\"stream_fault\",\"kind\":\"truncate\",\"after_chunks\":2}")
    let cut = await collect(client, request())
    #expect(cut.fault?.kind == .interrupted && !cut.text.isEmpty && cut.ending == nil)

    // A broken or stalled answer is requested again, and the new answer replaces the old.
    for kind in ["malformed", "disconnect", "stall"] {
      try await scenario(
        "{\"type\":\"stream_fault\",\"kind\":\"\(kind)\",\"after_chunks\":2,\"stall_seconds\":4,\"times\":1}")
      let broken = await collect(client, request())
      #expect(broken.ending != nil || broken.fault != nil, "\(kind): \(broken)")
      if broken.ending != nil { #expect(broken.text == plain.text, "\(kind)") }
    }
    try await scenario("{\"type\":\"fail\",\"status\":401,\"times\":9}")
    let refused = await collect(client, request())
    #expect(refused.fault?.kind == .lasting && refused.fault?.description.contains("401") == true)
    #expect(refused.fault?.description.contains("never-logged") == false)
    let report = try await Program.run(
      chat + "/llmock", ["report", "--strict", "--url", "http://127.0.0.1:\(mock.port)"])
    #expect(report.code == 0 && report.output.contains("PASS"), "\(report.output)\(report.errors)")
    await client.shutdown()
  }

  @Test func stoppingToReadStopsTheRequest() async throws {
    let mock = try Mock(["--stream-chunk-delay-ms", "300"])
    try await mock.waitUntilReady()
    let client = mock.client
    let start = ContinuousClock.now
    let task = Task { await collect(client, request()) }
    try await Task.sleep(for: .milliseconds(500))
    task.cancel()
    _ = await task.value
    #expect(ContinuousClock.now - start < .seconds(2))
    await client.shutdown()
  }

  @Test func anUnreachableServerIsNamedInTheError() async {
    var options = ChatClient.Options(address: "http://127.0.0.1:9/v1")
    options.retries = 0
    let client = ChatClient(options, name: "m")
    let outcome = await collect(client, request())
    #expect(outcome.fault?.description.contains("http://127.0.0.1:9/v1") == true)
    await client.shutdown()
  }

  /// Our request beside that of OpenAI's own client: the same keys, with the same types.
  @Test func theRequestEqualsTheReferenceClients() async throws {
    let script = """
      import http.server, json, sys, threading
      seen = []
      class Handler(http.server.BaseHTTPRequestHandler):
          def do_POST(self):
              body = json.loads(self.rfile.read(int(self.headers["content-length"])))
              seen.append({"path": self.path, "body": body, "auth": self.headers["authorization"],
                  "accept": self.headers["accept"], "type": self.headers["content-type"]})
              text = 'data: {"choices":[{"delta":{"content":"x"},"index":0,"finish_reason":"stop"}]}\\n\\ndata: [DONE]\\n\\n'
              self.send_response(200)
              self.send_header("content-type", "text/event-stream")
              self.end_headers()
              self.wfile.write(text.encode())
          def log_message(self, *a): pass
      server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
      threading.Thread(target=server.serve_forever, daemon=True).start()
      import openai
      client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="k")
      for _ in client.chat.completions.create(model="m", max_tokens=60, temperature=0.5, stream=True,
          stream_options={"include_usage": True}, messages=[{"role": "system", "content": "s"},
          {"role": "user", "content": [{"type": "text", "text": "t"},
          {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}}]}]): pass
      print(json.dumps(seen[0]))
      """
    let result = try await Program.run(chat + "/python", ["-c", script])
    let theirs = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result.errors)")
    var message = ChatMessage(role: .user, text: "t")
    message.picture = [0xFF, 0xD8, 0xFF]
    let ours = ChatRequest(
      model: "m", messages: [ChatMessage(role: .system, text: "s"), message], maximumTokens: 60,
      temperature: 0.5)
    let body = try #require(try JSONSerialization.jsonObject(with: Data(try ours.json())) as? NSDictionary)
    #expect(body == theirs["body"] as? NSDictionary)
    #expect(theirs["path"] as? String == "/v1/chat/completions" && theirs["auth"] as? String == "Bearer k")
    #expect((theirs["type"] as? String)?.hasPrefix("application/json") == true)
  }
}
