import AsyncHTTPClient
public import Dialogue
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Speaks to any server of OpenAI's `/chat/completions`: a vendor's, or llama.cpp, vLLM, Ollama, OVMS, KServe.
public struct ChatClient: LanguageModel {
  public struct Options: Sendable, Equatable {
    /// `http://HOST:PORT/v1`, or a vendor's.
    public var address: String
    /// Sent as a bearer token; nil for none. Never in a log.
    public var key: String?
    /// Seconds: to connect, until the answer begins, between its pieces, and of all together.
    public var connectTimeout = 3.0
    public var firstTimeout = 30.0
    public var idleTimeout = 10.0
    public var timeout = 120.0
    /// Tries after the first.
    public var retries = 3

    public init(address: String) { self.address = address }
  }

  private let options: Options
  private let client: HTTPClient
  public let identity: String

  /// - Parameter name: of the model, for annotations.
  public init(_ options: Options, name: String) {
    self.options = options
    identity = name
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .milliseconds(Int64(options.connectTimeout * 1000))
    configuration.timeout.read = .milliseconds(Int64(options.idleTimeout * 1000))
    // A vendor that moves tells its users; a redirection would take the key elsewhere.
    configuration.redirectConfiguration = .disallow
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  public func shutdown() async { try? await client.shutdown() }

  public func answer(_ request: ChatRequest) -> AsyncThrowingStream<ChatEvent, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await tryAll(request) { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      // Whoever stops reading stops the request: the connection is closed, and the server stops making words.
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private func tryAll(_ request: ChatRequest, yield: (ChatEvent) -> Void) async throws {
    let body: [UInt8]
    do { body = try request.json() } catch {
      throw ChatFault(.lasting, "the request can't be written: \(error)")
    }
    var tries = 0
    var hasSpoken = false
    let deadline = ContinuousClock.now + .seconds(options.timeout)
    while true {
      let fault: ChatFault
      do {
        let ending = try await once(body, deadline) { text in
          hasSpoken = true
          yield(.text(text))
        }
        yield(.ended(ending))
        return
      } catch let error as ChatFault {
        fault = error
      } catch let error as CancellationError {
        throw error
      } catch {
        try Task.checkCancellation()
        fault = Self.explain(error, hasSpoken: hasSpoken, options)
      }
      guard case .passing(let after) = fault.kind, tries < options.retries else { throw fault }
      tries += 1
      // A little later than the server asked: its clock may be behind.
      let pause =
        after.map { $0 + 0.05 } ?? min(8, 0.5 * Double(1 << (tries - 1))) * Double.random(in: 1...1.25)
      guard ContinuousClock.now + .seconds(pause) < deadline else { throw fault }
      try await Task.sleep(for: .seconds(pause))
      if hasSpoken {
        hasSpoken = false
        yield(.restarted(reason: fault.description))
      }
    }
  }

  private func once(
    _ body: [UInt8], _ deadline: ContinuousClock.Instant, text: (String) -> Void
  ) async throws -> ChatEnding {
    var request = HTTPClientRequest(url: options.address + "/chat/completions")
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "accept", value: "text/event-stream")
    request.headers.add(name: "user-agent", value: "vrbridge")
    if let key = options.key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
    request.body = .bytes(ByteBuffer(bytes: body))
    let response = try await client.execute(
      request, timeout: .milliseconds(Int64(options.firstTimeout * 1000)))
    guard response.status == .ok else { throw try await Self.refusal(response) }
    var stream = ChatStream()
    for try await buffer in response.body {
      guard ContinuousClock.now < deadline else {
        throw ChatFault(.interrupted, "the answer took longer than \(Int(options.timeout)) s")
      }
      for piece in try stream.feed(buffer.readableBytesView) { text(piece) }
      if stream.hasEnded { break }
    }
    try Task.checkCancellation()
    return try stream.end()
  }

  private static func refusal(_ response: HTTPClientResponse) async throws -> ChatFault {
    let buffer = try? await response.body.collect(upTo: 1 << 16)
    let bytes = buffer.map { Data(buffer: $0) } ?? Data()
    let object = (try? JSONSerialization.jsonObject(with: bytes)) as? [String: Any]
    var text = String(decoding: bytes.prefix(200), as: UTF8.self)
    if let error = object?["error"] ?? object?["detail"] {
      let inner = error as? [String: Any]
      text = inner?["message"] as? String ?? error as? String ?? text
    }
    let status = Int(response.status.code)
    var headers: [String: String] = [:]
    for (name, value) in response.headers { headers[name.lowercased()] = value }
    let hint = status == 401 || status == 403 ? "; look at 'language_model: key'" : ""
    let sentence = "the language model's server answered \(status): \(text.prefix(200))\(hint)"
    guard RetryAdvice.isPassing(status) else { return ChatFault(.lasting, sentence) }
    return ChatFault(.passing(after: RetryAdvice.seconds(headers, now: Date())), sentence)
  }

  /// Errors of the connection in words.
  private static func explain(_ error: any Error, hasSpoken: Bool, _ options: Options) -> ChatFault {
    let what: String
    switch error as? HTTPClientError {
    case .some(.readTimeout): what = "nothing came for \(options.idleTimeout) s"
    case .some(.connectTimeout): what = "it can't be reached within \(options.connectTimeout) s"
    case .some(.deadlineExceeded): what = "no answer began within \(options.firstTimeout) s"
    case .some(.remoteConnectionClosed): what = "it closed the connection"
    default: what = String(String(describing: error).prefix(160))
    }
    return ChatFault(.passing(after: nil), "the language model's server at \(options.address): \(what)")
  }
}
