import AsyncHTTPClient
import Diagnostics
public import Dialogue
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A client of any server with OpenAI's `/chat/completions`: a vendor's, llama.cpp, vLLM, Ollama, OVMS, KServe.
public struct ChatClient: LanguageModel {
  public struct Options: Sendable, Equatable {
    /// `http://HOST:PORT/v1`, or a vendor's address.
    public var address: String
    /// Sent as a bearer token; nil for none. Never logged.
    public var key: String?
    /// Seconds to connect.
    public var connectTimeout = 3.0
    /// Seconds until the answer begins.
    public var firstTimeout = 30.0
    /// Seconds between two parts of the answer.
    public var idleTimeout = 10.0
    /// Seconds until the answer ends, retries included.
    public var timeout = 120.0
    /// Attempts after the first.
    public var retries = 3
    /// What the server accepts, to begin with.
    public var quirks = ServerQuirks()

    public init(address: String) { self.address = address }
  }

  /// Changes of what is sent, each after a refusal.
  private static let maximumChanges = 6

  private let options: Options
  /// Reads streams, whose parts follow each other within the idle time.
  private let client: HTTPClient
  /// Reads answers that come as a whole, when they are complete.
  private let wholeClient: HTTPClient
  private let quirks: LearnedQuirks
  public let identity: String

  /// - Parameter name: the model's, for annotations.
  public init(_ options: Options, name: String) {
    self.options = options
    identity = name
    quirks = LearnedQuirks(options.quirks)
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .milliseconds(Int64(options.connectTimeout * 1000))
    configuration.timeout.read = .milliseconds(Int64(options.idleTimeout * 1000))
    // A redirection would send the key to another host.
    configuration.redirectConfiguration = .disallow
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    configuration.timeout.read = .milliseconds(Int64(options.timeout * 1000))
    wholeClient = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  public func shutdown() async {
    try? await client.shutdown()
    try? await wholeClient.shutdown()
  }

  public func answer(_ request: ChatRequest) -> AsyncThrowingStream<ChatEvent, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await attemptAll(request) { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      // A reader that stops cancels the request: the connection is closed, and the server stops generating.
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// Sends the request until an answer ends, an error is lasting, or attempts or time are used up.
  private func attemptAll(_ request: ChatRequest, yield: (ChatEvent) -> Void) async throws {
    var retries = 0
    var hasText = false
    var accepted = quirks.current
    var tried = [accepted]
    let deadline = ContinuousClock.now + .seconds(options.timeout)
    while true {
      let failure: ChatError
      do {
        let ending = try await attempt(
          try Self.body(request, accepted), streams: accepted.streams, deadline
        ) { event in
          if case .text = event { hasText = true }
          yield(event)
        }
        quirks.learn(accepted)
        yield(.ended(ending))
        return
      } catch let error as ChatError {
        failure = error
      } catch let error as CancellationError {
        throw error
      } catch {
        try Task.checkCancellation()
        failure = Self.describe(error, options)
      }
      if failure.kind == .lasting, tried.count <= Self.maximumChanges, ContinuousClock.now < deadline,
        let other = accepted.adapted(to: failure.description, tried: tried)
      {
        accepted = other
        tried.append(other)
        continue
      }
      guard case .passing(let after) = failure.kind, retries < options.retries else { throw failure }
      retries += 1
      // A little later than the server requested: its clock may be behind.
      let pause =
        after.map { $0 + 0.05 } ?? min(8, 0.5 * Double(1 << (retries - 1))) * Double.random(in: 1...1.25)
      guard ContinuousClock.now + .seconds(pause) < deadline else { throw failure }
      try await Task.sleep(for: .seconds(pause))
      if hasText {
        hasText = false
        yield(.restarted(reason: failure.description))
      }
    }
  }

  private static func body(_ request: ChatRequest, _ quirks: ServerQuirks) throws(ChatError) -> [UInt8] {
    do { return try request.json(for: quirks) } catch {
      throw ChatError(.lasting, "the request can't be encoded: \(error.reason)")
    }
  }

  /// Sends the request once.
  private func attempt(
    _ body: [UInt8], streams: Bool, _ deadline: ContinuousClock.Instant, yield: (ChatEvent) -> Void
  ) async throws -> ChatEnding {
    var request = HTTPClientRequest(url: options.address + "/chat/completions")
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "accept", value: "text/event-stream, application/json")
    request.headers.add(name: "user-agent", value: "vrbridge")
    if let key = options.key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
    request.body = .bytes(ByteBuffer(bytes: body))
    let limit = streams ? options.firstTimeout : options.timeout
    let response = try await (streams ? client : wholeClient).execute(
      request, timeout: .milliseconds(Int64(limit * 1000)))
    guard response.status == .ok else { throw try await Self.refusal(response) }
    var stream = ChatStream()
    do {
      for try await buffer in response.body {
        guard ContinuousClock.now < deadline else {
          throw ChatError(.interrupted, "the answer took longer than \(Int(options.timeout)) s")
        }
        let texts = try stream.feed(buffer.readableBytesView)
        Self.pass(texts, of: &stream, to: yield)
        if stream.hasEnded { break }
      }
    } catch {
      // The answer is complete: a server that keeps or breaks the connection afterwards costs nothing.
      guard stream.hasFinished, !(error is CancellationError) else { throw error }
    }
    try Task.checkCancellation()
    let rest = try stream.rest()
    Self.pass(rest.isEmpty ? [] : [rest], of: &stream, to: yield)
    return try stream.end()
  }

  private static func pass(_ texts: [String], of stream: inout ChatStream, to yield: (ChatEvent) -> Void) {
    if stream.takeVoid() { yield(.restarted(reason: "the text so far was the model's reasoning")) }
    for text in texts { yield(.text(text)) }
  }

  private static func refusal(_ response: HTTPClientResponse) async throws -> ChatError {
    let buffer = try? await response.body.collect(upTo: 1 << 16)
    let text = ServerErrorText.read(buffer.map { Array($0.readableBytesView) } ?? [])
    let status = Int(response.status.code)
    var headers: [String: String] = [:]
    for (name, value) in response.headers { headers[name.lowercased()] = value }
    let hint =
      switch status {
      case 401, 403: "; check 'language_model: key'"
      case 404: "; check 'language_model: address' and 'model'"
      default: ""
      }
    let sentence = "the language model's server answered \(status): \(text)\(hint)"
    guard RetryAdvice.isPassing(status) else { return ChatError(.lasting, sentence) }
    return ChatError(.passing(after: RetryAdvice.seconds(headers, now: Date())), sentence)
  }

  /// Describes an error of the connection.
  private static func describe(_ error: any Error, _ options: Options) -> ChatError {
    let cause: String
    switch error as? HTTPClientError {
    case .some(.readTimeout): cause = "no data arrived for \(options.idleTimeout) s"
    case .some(.connectTimeout): cause = "no connection within \(options.connectTimeout) s"
    case .some(.deadlineExceeded): cause = "no answer began within \(options.firstTimeout) s"
    case .some(.remoteConnectionClosed): cause = "it closed the connection"
    default: cause = String(error.reason.prefix(160))
    }
    return ChatError(
      .passing(after: nil),
      "the language model's server at \(options.address) failed: \(cause); check 'language_model: address'")
  }
}
